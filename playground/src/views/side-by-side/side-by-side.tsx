import type { Run } from "../../run.js";
import { Chart } from "../../ui/chart.js";
import { generalWords, networkWords, samplesWord } from "../../words.js";
import type { Part } from "../part.js";
import { DataPicker } from "./data-picker.js";
import { NetworkCard } from "./network-card.js";
import { NetworkTable } from "./network-table.js";

/** Whether there is room for more than what is asked for. */
const isWide = matchMedia("(min-width: 62rem)").matches;

/** Part 1: two networks train at once. */
export const sideBySide: Part = {
  id: "side-by-side",
  title: "Side by side",
  text: (
    <>
      <p>
        Both networks get samples, points of the plane or pictures of digits, and have to say which class each belongs
        to: which colour, which digit. They start from the same random weights and see the same samples in the same
        order; they differ only in what you choose. Press <b>Train</b>: the tint shows what each would answer where.
      </p>
      <p>
        With the first settings, four layers of sigmoids and no normalisation, A gives every point the same answer for
        thousands of steps. B is the same network with batch norm in each layer.
      </p>
    </>
  ),
  formula: <>y = γ · (x − mean) / √(variance + ε) + β</>,
  source: (
    <>
      Mean and variance of what one unit gives for the samples of a batch; ε = 0.00001 keeps the division sound; γ and β
      are learned. Ioffe &amp; Szegedy 2015, <a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>, algorithm
      1.
    </>
  ),
  View: ({ run }) => (
    <>
      <DataPicker run={run} />
      <div class="arena">
        <NetworkCard run={run} which={0} />
        <NetworkCard run={run} which={1} />
        <Curves run={run} />
      </div>
      <h3>What the two networks are</h3>
      <div class="setup">
        <NetworkTable run={run} />
        <details open={isWide}>
          <summary>What these words mean</summary>
          <dl class="glossary">
            {[...generalWords, ...Object.values(networkWords)].map(({ label, meaning }) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
        </details>
      </div>
    </>
  ),
};

function Curves({ run }: { readonly run: Run }) {
  const networks = run.snapshot.value?.networks ?? [];
  const samples = samplesWord(run.settings.value.experiment.data);
  const of = (curve: "testLoss" | "testAccuracy") =>
    networks.map(({ curves }, k) => ({ name: "AB"[k], tone: "ab"[k], x: curves.step, y: curves[curve] }));
  return (
    <div class="curves">
      <Chart title={`Loss on new ${samples}`} y="loss" series={of("testLoss")} />
      <Chart title={`Share of new ${samples} right`} y="share" range={[0, 1]} series={of("testAccuracy")} />
    </div>
  );
}

import type { Run } from "../../run.js";
import { Chart } from "../../ui/chart.js";
import { generalWords, networkWords, samplesWord } from "../../words.js";
import type { Part } from "../part.js";
import { DataPicker } from "./data-picker.js";
import { NetworkCard } from "./network-card.js";
import { NetworkTable } from "./network-table.js";

/** Part 1: two networks train at once. */
export const sideBySide: Part = {
  id: "side-by-side",
  title: "Side by side",
  text: (
    <>
      <p>
        Both networks classify samples: points of the plane by their colour, or pictures of digits. They start from the
        same random weights and see the same samples in the same order. They differ only in the settings above. The
        background shows each network’s answer at every point.
      </p>
    </>
  ),
  formula: <>y = γ · (x − mean) / √(variance + ε) + β</>,
  source: (
    <>
      Mean and variance are those of one unit over the samples of a batch. ε = 0.00001 keeps the divisor above 0. γ and
      β are learned. Ioffe &amp; Szegedy 2015, <a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>,
      algorithm 1.
    </>
  ),
  viewFirst: true,
  View: ({ run }) => (
    <>
      <div class="arena">
        <NetworkCard run={run} which={0} />
        <NetworkCard run={run} which={1} />
        <Curves run={run} />
      </div>
      <DataPicker run={run} />
      <h3>Settings of the two networks</h3>
      <div>
        <NetworkTable run={run} />
        <details>
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
      <Chart title={`Accuracy on new ${samples}`} y="accuracy" range={[0, 1]} series={of("testAccuracy")} />
    </div>
  );
}

import { useRef } from "preact/hooks";
import type { Run } from "../../run.js";
import { networksOf } from "../../settings.js";
import { Choices } from "../../ui/choices.js";
import { useVisible } from "../../ui/use-visible.js";
import { FirstStep } from "../first-step.js";
import type { Part } from "../part.js";
import { BatchMatesView } from "./batch-mates.js";
import { LayerTwiceView } from "./layer-twice.js";
import { Memory } from "./memory.js";
import "./train-and-test.css";

/** Part 3: what differs between training and test time. */
export const trainAndTest: Part = {
  id: "train-and-test",
  title: "Train and test",
  text: (
    <>
      <p>
        In training, batch norm takes mean and spread from the batch at hand. At test time there may be one sample and
        no batch, so it uses what it <b>remembers</b> from training: its running statistics. The same layer thus works
        in two ways, and most trouble with batch norm comes from there.
      </p>
      <p>All that is shown here is the network that trains above, as it stands at this moment.</p>
    </>
  ),
  formula: <>running ← momentum · running + (1 − momentum) · batch</>,
  source: (
    <>
      Ioffe &amp; Szegedy 2015, <a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>, §3.1 and algorithm 2.
      PyTorch states the complement: its momentum 0.1 is 0.9 here.
    </>
  ),
  View: TrainAndTest,
};

/** Networks whose layers remember. */
function rememberingOf(run: Run): readonly (0 | 1)[] {
  const remembers = networksOf(run.settings.value.experiment).map(({ norm }) => norm === "batch" || norm === "renorm");
  return ([0, 1] as const).filter((network) => remembers[network]);
}

function TrainAndTest({ run }: { readonly run: Run }) {
  const frame = useRef<HTMLDivElement>(null);
  const visible = useVisible(frame);
  const { experiment, view } = run.settings.value;
  const remembering = rememberingOf(run);
  const asked = view.tested === "a" ? 0 : 1;
  const network = remembering.includes(asked) ? asked : remembering[0];
  const depth = network === undefined ? 0 : networksOf(experiment)[network].depth;
  const place = { network: network ?? 0, layer: Math.min(view.layer, depth) - 1 };
  const hasTrained = (run.snapshot.value?.networks[place.network].layers.length ?? 0) > 0;
  return (
    <div ref={frame} class="train-and-test">
      {network === undefined ? (
        <p class="note">
          Neither network has batch norm: without it there is nothing to remember, and a network works in the same way
          in training and at test time. Give one of them <b>batch norm</b> above.
        </p>
      ) : (
        <>
          <div class="pickers">
            {remembering.length > 1 && (
              <Choices
                label="Network"
                name="tested"
                options={[
                  ["a", "A"],
                  ["b", "B"],
                ]}
                value={view.tested}
                onChange={(tested) => run.show({ tested })}
              />
            )}
            <Choices
              label="Hidden layer"
              name="tested-layer"
              options={Array.from({ length: depth }, (_, k) => [String(k + 1), String(k + 1)] as const)}
              value={String(place.layer + 1)}
              onChange={(layer) => run.show({ layer: Number(layer) })}
            />
          </div>
          {hasTrained ? (
            <div class="experiments">
              <LayerTwiceView run={run} place={place} visible={visible} />
              <Memory run={run} place={place} visible={visible} />
              <BatchMatesView run={run} network={place.network} visible={visible} />
            </div>
          ) : (
            <FirstStep run={run} networks={[place.network]} />
          )}
        </>
      )}
    </div>
  );
}

import { useRef } from "preact/hooks";
import type { Run } from "../../run.js";
import { useVisible } from "../../ui/use-visible.js";
import { FirstStep } from "../first-step.js";
import type { Part } from "../part.js";
import { placeOf, rememberingOf } from "../place.js";
import { PlacePicker } from "../place-picker.js";
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
        In training, batch norm takes mean and spread from the batch. At inference there may be one sample and no batch,
        so it uses what it <b>remembers</b> from training: its running statistics. The same layer thus works in two
        ways, and most trouble with batch norm comes from there.
      </p>
      <p>All that is shown here is the network that trains above, as it stands at this moment.</p>
    </>
  ),
  formula: <>running ← momentum · running + (1 − momentum) · batch</>,
  source: (
    <>
      Ioffe &amp; Szegedy 2015, <a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>, §3.1 and algorithm 2.
      PyTorch states the complement: its momentum 0.1 is 0.9 here. With warm-up the n-th batch leaves the old value the
      weight (n − 1) / (n + 9), until that reaches the momentum.
    </>
  ),
  View: TrainAndTest,
};

function TrainAndTest({ run }: { readonly run: Run }) {
  const frame = useRef<HTMLDivElement>(null);
  const visible = useVisible(frame);
  const remembering = rememberingOf(run);
  const place = placeOf(run, remembering);
  const hasTrained = (run.snapshot.value?.networks[place?.network ?? 0].layers.length ?? 0) > 0;
  return (
    <div ref={frame} class="train-and-test">
      {place === null ? (
        <p class="note">
          Neither network has batch norm: without it there is nothing to remember, and a network works in the same way
          in training and at test time. Give one of them <b>batch norm</b> above.
        </p>
      ) : (
        <>
          <PlacePicker run={run} part="train-and-test" networks={remembering} place={place} />
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

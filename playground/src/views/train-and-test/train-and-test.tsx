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

/** Part 3: what differs between training and inference. */
export const trainAndTest: Part = {
  id: "train-and-test",
  title: "Train and test",
  text: (
    <>
      <p>
        In training, batch norm takes mean and variance from the batch. At inference there may be one sample and no
        batch, so it uses its <b>running statistics</b>, averages of those it has seen in training. The same layer works
        in two ways, and most trouble with batch norm comes from that.
      </p>
      <p>This part shows the network that trains above as it is at this moment.</p>
    </>
  ),
  formula: <>running ← momentum · running + (1 − momentum) · batch</>,
  source: (
    <>
      Ioffe &amp; Szegedy 2015, <a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>, §3.1 and algorithm 2.
      PyTorch states the complement: its momentum 0.1 is 0.9 here. With warm-up the old value weighs (n − 1) / (n + 9)
      at the n-th batch, until that reaches the momentum.
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
          Neither network has batch norm: without it a network has no running statistics, and works in the same way in
          training and at inference. Give one of them <b>batch norm</b> above.
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

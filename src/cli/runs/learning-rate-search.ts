import { alone } from "../../communicator.js";
import { findLearningRate } from "../../train/find-learning-rate.js";
import type { TrainFlags } from "../flags/train-flags.js";
import { formatTable } from "../print/table.js";
import { unhurried } from "../unhurried.js";
import { prepareTraining } from "./training.js";

/** How many steps of the search are printed. */
const shown = 12;

/**
 * Searches for a learning rate with the data, network and loss of the flags; it writes nothing.
 *
 * @param say - prints a line
 */
export async function searchLearningRate(
  flags: TrainFlags,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const { model, data, optimizer, loss, loop, summary } = await prepareTraining(flags, {}, "", alone);
  say(summary);
  const { accumulate, clipNorm, adaptiveClip } = loop;
  const { length, generators } = data;
  const search = await findLearningRate(
    model,
    { length, generators, [Symbol.asyncIterator]: () => unhurried(data) },
    {
      optimizer,
      loss,
      signal,
      ...(accumulate === undefined ? {} : { accumulate }),
      ...(clipNorm === undefined ? {} : { clipNorm }),
      ...(adaptiveClip === undefined ? {} : { adaptiveClip }),
    },
  );
  const { lrs, smoothed, suggestion } = search;
  const rows = Array.from({ length: Math.min(shown, lrs.length) }, (_, k, last = Math.min(shown, lrs.length) - 1) => {
    const at = Math.round((k * (lrs.length - 1)) / Math.max(last, 1));
    return [round(lrs[at]), smoothed[at].toPrecision(4)];
  });
  say(formatTable([["learning rate", "smoothed loss"], ...rows]));
  say(
    suggestion === null
      ? "The loss never falls, so there is no rate to suggest. Check the data and the network."
      : `The loss falls fastest at a learning rate of ${round(suggestion)}. Train with --lr ${round(suggestion)}${flags.lrScaling === "none" ? "" : " --lr-scaling none"}.`,
  );
}

function round(lr: number): string {
  return String(Number(lr.toPrecision(2)));
}

import { join } from "node:path";
import { eventRecord, firstEventRecord } from "../formats/tensorboard/event-record.js";
import type { EpochReport, StepReport } from "../train/fit-options.js";
import { epochScalars, type Scalars, stepScalars } from "../train/scalars-of.js";
import { AppendLog } from "./append-log.js";

/** A TensorBoard event file that a training writes: see {@link tensorboardLog}. */
export interface TensorboardLog {
  /** The file. */
  readonly path: string;
  /** What `onStep` of `fit` may be. */
  readonly onStep: (report: StepReport) => void;
  /** What `onEpoch` of `fit` may be. */
  readonly onEpoch: (report: EpochReport) => void;
  /** Writes numbers of one's own. */
  add(step: number, scalars: Scalars): void;
  /** Closes the file. */
  close(): void;
}

/**
 * Logs a training to an event file of TensorBoard, `events.out.tfevents.TIME.evenkeel` in a folder: loss, accuracy,
 * learning rate and gradient norm of each step, and the scores of each epoch. `tensorboard --logdir FOLDER` shows it.
 * The format is checked against its schema; TensorBoard itself was not run.
 *
 * @param folder - made if it is not there
 */
export function tensorboardLog(folder: string): TensorboardLog {
  const seconds = (): number => Date.now() / 1000;
  const log = new AppendLog(join(folder, `events.out.tfevents.${Math.floor(seconds())}.evenkeel`));
  log.append(firstEventRecord(seconds()));
  const add = (step: number, scalars: Scalars): void => log.append(eventRecord({ step, wallTime: seconds(), scalars }));
  return {
    path: log.path,
    onStep: (report) => add(report.step, stepScalars(report)),
    onEpoch: (report) => add(report.steps - 1, epochScalars(report)),
    add,
    close: () => log.close(),
  };
}

import { eventRecord, firstEventRecord } from "../../formats/tensorboard/event-record.js";
import { epochScalars, evaluationScalars, type Scalars, stepScalars } from "../../train/scalars-of.js";
import { eventsName, type RunFolder } from "./run-folder.js";
import type { RunListener } from "./run-listener.js";

/** Follows a run in an event file of TensorBoard. @param isResumed - whether the file has its beginning already */
export function tensorboard(folder: RunFolder, isResumed: boolean): RunListener {
  const log = folder.log(eventsName, false);
  const seconds = (): number => Date.now() / 1000;
  const add = (step: number, scalars: Scalars): void => log.append(eventRecord({ step, wallTime: seconds(), scalars }));
  if (!isResumed) log.append(firstEventRecord(seconds()));
  return {
    step: (report) => add(report.step, stepScalars(report)),
    epoch: (metrics) =>
      add(metrics.steps - 1, { ...epochScalars(metrics), ...evaluationScalars("test", metrics.test) }),
  };
}

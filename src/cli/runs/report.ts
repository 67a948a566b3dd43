import type { TrainingRecord } from "../../diagnostics/training-record.js";
import { TrainingRecorder } from "../../diagnostics/training-recorder.js";
import { EvenkeelError, FormatError } from "../../errors.js";
import { renderPage } from "../../pages/render-page.js";
import { type TrainingReport, trainingReport } from "../../pages/training/training-report.js";
import { printedWarnings } from "../print/warning.js";
import type { RunFolder, RunLog } from "./run-folder.js";
import type { EpochMetrics, RunListener } from "./run-listener.js";
import type { Training } from "./training.js";

/** What a report is written from; where a run has none, it has no report. */
export const historyName = "history.jsonl";

/**
 * Follows a run in history.jsonl, and tells of it in report.html.
 *
 * @param start - the step that comes first
 * @param warn - told where there can be no report
 * @param say - told where it is
 */
export function report(
  training: Training,
  folder: RunFolder,
  start: number,
  warn: (line: string) => void,
  say: (line: string) => void,
): RunListener {
  const { model, stepsPerEpoch, epochs } = training;
  const history = folder.log(historyName, false);
  const metrics = folder.log("metrics.jsonl");
  const recorder = new TrainingRecorder(model, {
    steps: stepsPerEpoch * epochs,
    start,
    onRecord: (record) => history.append(JSON.stringify(record)),
  });
  const write = async (end: Pick<TrainingReport, "lag" | "outcome" | "ending">): Promise<void> => {
    const { meta, summary } = training;
    let page: string;
    try {
      const records = recordsIn<TrainingRecord>(history, "kind");
      const finished = recordsIn<EpochMetrics>(metrics, "test");
      const warnings = printedWarnings();
      page = await renderPage(
        trainingReport({ name: folder.path, summary, meta, records, epochs: finished, warnings, ...end }),
      );
    } catch (error) {
      const reason = error instanceof EvenkeelError ? error.message : damaged(history.path, String(error)).message;
      warn(`report.html is not written. ${reason}`);
      folder.removeReport();
      return;
    }
    say(`wrote ${folder.write("report.html", page)}`);
  };
  return {
    step: (step) => recorder.step(step),
    finish: async (lag) => write({ lag, outcome: await training.examine(), ending: null }),
    // A run that has saved nothing leaves the folder to what is there.
    stop: (ending) =>
      folder.begun || (ending.kind === "diverged" && folder.isFree)
        ? write({ lag: [], outcome: null, ending })
        : undefined,
    close: () => recorder.close(),
  };
}

/**
 * What the lines of a file say; somebody may have changed them since they were written.
 *
 * @throws FormatError naming the first that says nothing
 */
function recordsIn<Line>(log: RunLog, key: keyof Line & string): Line[] {
  return log.lines().map((line, k) => {
    let record: unknown;
    try {
      record = JSON.parse(line);
    } catch {
      // Told below.
    }
    if (typeof record === "object" && record !== null && key in record) return record as Line;
    throw damaged(`${log.path}, line ${k + 1}`, line.slice(0, 40));
  });
}

function damaged(where: string, received: string): FormatError {
  const cure = "The model is whole; train without the report, or anew, to have one.";
  return new FormatError({ where, expected: "what the run wrote there", received, cure });
}

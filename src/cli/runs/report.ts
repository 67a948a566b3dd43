import type { TrainingRecord } from "../../diagnostics/training-record.js";
import { TrainingRecorder } from "../../diagnostics/training-recorder.js";
import { renderPage } from "../../pages/render-page.js";
import { trainingReport } from "../../pages/training/training-report.js";
import type { RunFolder } from "./run-folder.js";
import type { EpochMetrics, RunListener } from "./run-listener.js";
import type { Training } from "./training.js";

/** Follows a run in history.jsonl, and tells of it in report.html. @param start - the step that comes first */
export function report(training: Training, folder: RunFolder, start: number): RunListener {
  const { model, data, epochs } = training;
  const history = folder.log("history.jsonl", false);
  const metrics = folder.log("metrics.jsonl");
  const recorder = new TrainingRecorder(model, {
    steps: data.length * epochs,
    start,
    onRecord: (record) => history.append(JSON.stringify(record)),
  });
  return {
    step: (step) => recorder.step(step),
    async finish() {
      const records = history.lines().map((line): TrainingRecord => JSON.parse(line));
      const finished = metrics.lines().map((line): EpochMetrics => JSON.parse(line));
      const { meta, summary } = training;
      const outcome = await training.examine();
      const page = trainingReport({ name: folder.path, summary, meta, records, epochs: finished, outcome });
      folder.write("report.html", await renderPage(page));
    },
    close: () => recorder.close(),
  };
}

import type { StepRecord } from "../../diagnostics/training-record.js";
import { servePage } from "../../node/serve-page.js";
import { renderPage } from "../../pages/render-page.js";
import { livePage } from "../../pages/training/live-page.js";
import { printedWarnings } from "../print/warning.js";
import type { EpochMetrics, RunListener } from "./run-listener.js";
import type { Training } from "./training.js";

/** Serves a page with the curves of a run while it trains. @param say - told where */
export async function live(
  { summary, epochs: epochsInAll }: Training,
  name: string,
  say: (line: string) => void,
): Promise<RunListener> {
  const steps: StepRecord[] = [];
  const epochs: EpochMetrics[] = [];
  const { server, address } = await servePage(() =>
    renderPage(livePage({ name, summary, steps, epochs, epochsInAll, warnings: printedWarnings() })),
  );
  say(`live curves at ${address} until the training ends`);
  return {
    step({ step, loss, accuracy, lr, gradientNorm }) {
      steps.push({ kind: "step", step, loss, accuracy, lr, gradientNorm });
    },
    epoch(metrics) {
      epochs.push(metrics);
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

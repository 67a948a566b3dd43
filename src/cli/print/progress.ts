import type { StepReport } from "../../train/fit-options.js";
import type { RunListener } from "../runs/run-listener.js";
import { openBar, plainEverySeconds } from "./bar.js";

/** `12.3 s`, or `1 min 5 s` */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** `test loss 0.1234, test accuracy 0.9876`; a regression has no accuracy. */
function scores(of: string, loss: number, accuracy: number | null): string {
  const share = accuracy === null ? "" : `, ${of}accuracy ${accuracy.toFixed(4)}`;
  return `${of}loss ${loss.toFixed(4)}${share}`;
}

/** Means over an epoch so far, and its speed since its first step. */
class Totals {
  readonly #started = performance.now();
  #loss = 0;
  #correct: number | null = 0;
  #samples = 0;
  #steps = 0;
  /** Samples of the first step, which ended when the clock was started. */
  #before = 0;

  add({ loss, accuracy, samples }: StepReport): void {
    if (this.#steps === 0) this.#before = samples;
    this.#loss += loss * samples;
    this.#correct = accuracy === null || this.#correct === null ? null : this.#correct + accuracy * samples;
    this.#samples += samples;
    this.#steps++;
  }

  describe(stepsLeft: number): { scores: string; speed: string; left: string } {
    const seconds = (performance.now() - this.#started) / 1000;
    const timed = this.#steps - 1;
    return {
      scores: scores("", this.#loss / this.#samples, this.#correct === null ? null : this.#correct / this.#samples),
      speed: timed > 0 ? `${Math.round((this.#samples - this.#before) / seconds)}` : "–",
      left: timed > 0 ? formatSeconds((seconds / timed) * stepsLeft) : "–",
    };
  }
}

/**
 * Shows how a run goes: a bar on a terminal, a plain line now and then elsewhere, and a line for each epoch.
 *
 * @param epochs - in all
 * @param stepsPerEpoch - batches in each
 * @param out - where to write
 */
export function progress(epochs: number, stepsPerEpoch: number, out: NodeJS.WriteStream): RunListener {
  const bar = openBar(out, "epoch {epoch}/{epochs} {bar} {percentage}% · {scores} · {speed}/s · {left} left");
  let totals = new Totals();
  let isFirst = true;
  let lastLine = performance.now();
  return {
    step(report) {
      if (isFirst) totals = new Totals();
      totals.add(report);
      const place = (report.step % stepsPerEpoch) + 1;
      const seen = totals.describe(stepsPerEpoch - place);
      const epoch = report.epoch + 1;
      if (bar !== null) {
        if (isFirst) bar.start(stepsPerEpoch, 0, { epoch, epochs, ...seen });
        bar.update(place, { epoch, epochs, ...seen });
      } else if (performance.now() - lastLine > plainEverySeconds * 1000) {
        lastLine = performance.now();
        out.write(
          `epoch ${epoch}/${epochs}, step ${place}/${stepsPerEpoch}: ${seen.scores}, ${seen.speed} samples/s, ${seen.left} left\n`,
        );
      }
      isFirst = false;
    },
    epoch({ epoch, loss, accuracy, validation, test, seconds }) {
      bar?.stop();
      totals = new Totals();
      isFirst = true;
      lastLine = performance.now();
      out.write(
        `epoch ${epoch + 1}/${epochs}: ${scores("", loss, accuracy)}, ` +
          `${validation === undefined ? "" : `${scores("validation ", validation.loss, validation.accuracy)}, `}` +
          `${scores("test ", test.loss, test.accuracy)}, ${formatSeconds(seconds)}\n`,
      );
    },
    close() {
      bar?.stop();
    },
  };
}

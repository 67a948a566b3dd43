import type { StudyProgress } from "../../study/run-study.js";
import { openBar, plainEverySeconds } from "./bar.js";
import { formatSeconds } from "./progress.js";

/** Shows how a study goes: a bar on a terminal, a plain line now and then elsewhere. */
export function studyProgress(out: NodeJS.WriteStream): { show(progress: StudyProgress): void; close(): void } {
  const bar = openBar(out, "{bar} {percentage}% · {what} · {left} left");
  bar?.start(1, 0, { what: "", left: "–" });
  let lastLine = performance.now();
  return {
    show({ experiment, condition, seed, done, secondsSpent, secondsLeft }) {
      const what = `${experiment}: ${condition}, seed ${seed}`;
      const left = secondsLeft === null ? "–" : formatSeconds(secondsLeft);
      bar?.update(secondsLeft === null ? 0 : secondsSpent / Math.max(secondsSpent + secondsLeft, 1e-9), { what, left });
      if (bar !== null || performance.now() - lastLine < plainEverySeconds * 1000) return;
      lastLine = performance.now();
      out.write(`${what}; ${done} trials done, ${left} left\n`);
    },
    close() {
      bar?.stop();
    },
  };
}

import { openBar, plainEverySeconds } from "./bar.js";

/** Shows where a computation stands, until it is closed. */
export interface PassProgress {
  show(state: PassState, samples: number): void;
  close(): void;
}

/** Where a computation stands that goes through its samples several times. */
interface PassState {
  /** The pass, counted from 0. */
  readonly pass: number;
  readonly passes: number;
  /** Samples seen in this pass. */
  readonly samples: number;
}

/**
 * Shows how passes over data go: a bar on a terminal, a plain line now and then elsewhere.
 *
 * @param noun - what a pass is for
 */
export function passProgress(noun: string, out: NodeJS.WriteStream): PassProgress {
  const bar = openBar(out, `${noun} {pass}/{passes} {bar} {percentage}%`);
  bar?.start(1, 0, { pass: 0, passes: "–" });
  let lastLine = performance.now();
  return {
    show({ pass, passes, samples: seen }, samples) {
      bar?.update((pass + seen / samples) / passes, { pass: pass + 1, passes });
      if (bar !== null || performance.now() - lastLine < plainEverySeconds * 1000) return;
      lastLine = performance.now();
      out.write(`${noun} ${pass + 1}/${passes}: ${seen} of ${samples} samples\n`);
    },
    close() {
      bar?.stop();
    },
  };
}

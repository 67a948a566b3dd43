/** Exit codes by signal: 128 and its number. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const;

/** Ctrl-C, or SIGTERM. */
export class Interrupted extends Error {
  /** What the process then exits with. */
  readonly code: number;

  constructor(code: number) {
    super("interrupted");
    this.code = code;
  }
}

/** How Ctrl-C and SIGTERM reach a run. */
export interface Interruption {
  /** Aborted, with {@link Interrupted}, by the first one after {@link Interruption.defer}. */
  readonly signal: AbortSignal;
  /** From now on the first one only aborts the signal. */
  defer(): void;
  /** Leaves them to Node again. */
  release(): void;
}

/**
 * Ends the process at Ctrl-C and SIGTERM, in order (what listens to its exit is called); once deferred, at the second
 * one.
 */
export function watchInterruption(): Interruption {
  const abort = new AbortController();
  let isDeferred = false;
  const onSignal = (name: NodeJS.Signals): void => {
    const code = codes[name as keyof typeof codes];
    if (!isDeferred || abort.signal.aborted) process.exit(code);
    abort.abort(new Interrupted(code));
  };
  for (const name of Object.keys(codes)) process.on(name, onSignal);
  return {
    signal: abort.signal,
    defer() {
      isDeferred = true;
    },
    release() {
      for (const name of Object.keys(codes)) process.removeListener(name, onSignal);
    },
  };
}

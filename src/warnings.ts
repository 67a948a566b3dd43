/** Receives each warning, a sentence or two in the form of the error messages. */
export type WarningHandler = (message: string) => void;

let current: WarningHandler = (message) => {
  // biome-ignore lint/suspicious/noConsole: the one place where the library may speak unasked
  console.warn(`evenkeel: ${message}`);
};

/**
 * Sets what happens to warnings: mistakes that Evenkeel suspects but cannot be sure of, such as batch statistics over
 * very few samples. The default writes to `console.warn`.
 *
 * @returns the handler that was in force before
 * @example
 * ```ts
 * const before = onWarning((message) => {
 *   throw new Error(message); // treat warnings as errors
 * });
 * onWarning(before);
 * ```
 */
export function onWarning(handler: WarningHandler): WarningHandler {
  const before = current;
  current = handler;
  given.clear();
  return before;
}

const given = new Set<string>();

/** Hands a warning of a kind to the handler in force, once. */
export function warnOnce(kind: string, message: string): void {
  if (given.has(kind)) return;
  given.add(kind);
  warn(message);
}

/** Hands a warning to the handler in force. */
export function warn(message: string): void {
  current(message);
}

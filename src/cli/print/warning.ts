/** Writes a warning: one line on stderr. */
export function printWarning(message: string): void {
  process.stderr.write(`evenkeel: warning: ${message}\n`);
}

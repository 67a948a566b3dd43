const printed: string[] = [];

/** What this process has warned of, each once. */
export function printedWarnings(): readonly string[] {
  return printed;
}

/** Writes a warning: one line on stderr. */
export function printWarning(message: string): void {
  if (!printed.includes(message)) printed.push(message);
  process.stderr.write(`evenkeel: warning: ${message}\n`);
}

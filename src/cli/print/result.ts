/** Writes what a command found: as JSON where it is asked for, else as text. */
export function printResult(
  { json }: { readonly json: boolean | undefined },
  value: unknown,
  text: () => string | readonly string[],
): void {
  const lines = json === true ? JSON.stringify(value, null, 2) : [text()].flat().join("\n");
  process.stdout.write(`${lines}\n`);
}

/** Lets signals and the terminal have their turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Data that let others have their turn before each batch. */
export async function* unhurried<Batch>(data: Iterable<Batch>): AsyncGenerator<Batch> {
  for (const batch of data) {
    await turn();
    yield batch;
  }
}

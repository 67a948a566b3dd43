/**
 * Results that arrive while work goes on, taken up in the order in which they were asked for: at once where they are
 * there at once; else that of a piece of work when the next one has been handed to the device, which so never waits for
 * the host.
 */
export class Trail<Result> {
  readonly #take: (result: Result) => void | Promise<void>;
  readonly #coming: Promise<Result>[] = [];

  constructor(take: (result: Result) => void | Promise<void>) {
    this.#take = take;
  }

  /** Adds a result that is coming, and takes up what is due. Rejects as they do. */
  async add(coming: Promise<Result>, isLate: boolean): Promise<void> {
    // One that is never taken up, since another rejected before it, is no unhandled rejection.
    coming.catch(() => {});
    this.#coming.push(coming);
    await this.#takeBut(isLate ? 1 : 0);
  }

  /** Takes up all that are coming. */
  async drain(): Promise<void> {
    await this.#takeBut(0);
  }

  async #takeBut(left: number): Promise<void> {
    while (this.#coming.length > left) {
      const result = await this.#coming[0];
      this.#coming.shift();
      await this.#take(result);
    }
  }
}

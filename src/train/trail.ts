import type { Backend } from "../backend/backend.js";

/**
 * Results that arrive while work goes on, taken up in the order in which they were asked for. Where the backend answers at once each is taken up
 * before the next piece of work; else that of a piece is taken up when the next has been handed to the device, which so never waits for the
 * host.
 */
export class Trail<Result> {
  readonly #take: (result: Result) => void | Promise<void>;
  readonly #coming: Promise<Result>[] = [];

  constructor(take: (result: Result) => void | Promise<void>) {
    this.#take = take;
  }

  /** Adds a result that is coming, and takes up what is due. Rejects as they do. */
  async add(coming: Promise<Result>, { answersAtOnce }: Backend): Promise<void> {
    // One that is never taken up, since another rejected before it, is no unhandled rejection.
    coming.catch(() => {});
    this.#coming.push(coming);
    await this.#takeBut(answersAtOnce ? 0 : 1);
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

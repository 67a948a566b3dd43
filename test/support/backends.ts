import { setBackend } from "evenkeel";
import { beforeAll, describe } from "vitest";

/** Every backend there is: each test of an op or a layer runs on all of them. */
export const backends = ["cpu", "wasm"] as const;

/** `describe` once for each backend, with that backend set. */
export function describeEachBackend(name: string, body: () => void): void {
  describe.each(backends)(`${name} on %s`, (backend) => {
    beforeAll(() => setBackend(backend));
    body();
  });
}

import { BackendError } from "../../errors.js";

/** A member that the webgpu backend does not have. */
export function refused(name: string, why: string): () => never {
  return () => {
    throw new BackendError({
      where: `the webgpu backend, ${name}`,
      expected: "what this backend can do",
      received: why,
      cure: 'Call setBackend("wasm").',
    });
  };
}

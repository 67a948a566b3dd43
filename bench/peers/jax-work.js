// jax-js on its WebAssembly backend, and how the bench calls it.
import { digest } from "./data.js";

// jax-js reads `navigator`, which Node 20 lacks. Node has no `Worker` either, and so it runs on one thread.
globalThis.navigator ??= { hardwareConcurrency: Number(process.argv[2] ?? 1), userAgent: "node" };
export const jax = await import("@jax-js/jax");
const { blockUntilReady, defaultDevice, init, numpy: np, tree, valueAndGrad } = jax;
if (process.env.BENCH_DEVICE === "webgpu") await init("webgpu");
defaultDevice(process.env.BENCH_DEVICE ?? "wasm");

/** @type {(values: Float32Array, shape: number[]) => any} */
export const array = (values, shape) => np.array(values).reshape(shape);

/**
 * Work that calls `compute` on arrays that stay, and frees what it returns.
 * @param {(...inputs: any[]) => any} compute
 * @param {any[]} inputs
 */
export function workOf(compute, inputs) {
  const call = () => blockUntilReady(compute(...inputs.map((input) => input.ref)));
  return {
    async run() {
      tree.dispose(await call());
    },
    async check() {
      const outputs = [];
      for (const output of tree.flatten(await call())[0]) outputs.push(digest(await output.data()));
      return outputs;
    },
    dispose() {
      for (const input of inputs) input.dispose();
    },
  };
}

/** Value and gradients of `forward` under the cotangent dy, which is the last input. */
export function withGradients(forward, count) {
  const product = (...inputs) => {
    const y = forward(...inputs.slice(0, -1));
    return [y.ref.mul(inputs.at(-1)).sum(), y];
  };
  const both = valueAndGrad(product, { argnums: Array.from({ length: count }, (_, i) => i), hasAux: true });
  return (...inputs) => {
    const [[sum, y], gradients] = both(...inputs);
    sum.dispose();
    return [y, ...gradients];
  };
}

import {
  BatchNorm,
  Conv2d,
  Flatten,
  Linear,
  loadFlaxState,
  loadKerasState,
  Sequential,
  scope,
  Tensor,
  tensor,
} from "evenkeel";
import type { Draw } from "./draw.js";
import { damagedJson, oddText, oddValue } from "./mutate.js";
import { type FuzzTarget, target } from "./target.js";

/** Entries of a state as text and shape, so that they can be changed. */
type Entries = [name: string, shape: number[]][];

interface State {
  readonly entries: Entries;
  readonly options: object;
}

const keras: Entries = [
  ["conv/kernel:0", [3, 3, 1, 2]],
  ["conv/bias:0", [2]],
  ...["gamma", "beta", "moving_mean", "moving_variance"].map((role): [string, number[]] => [`bn/${role}:0`, [2]]),
  ["dense/kernel:0", [8, 3]],
  ["dense/bias:0", [3]],
];
const flax: Entries = [
  ["params/Conv_0/kernel", [3, 3, 1, 2]],
  ["params/Conv_0/bias", [2]],
  ["params/BatchNorm_0/scale", [2]],
  ["params/BatchNorm_0/bias", [2]],
  ["batch_stats/BatchNorm_0/mean", [2]],
  ["batch_stats/BatchNorm_0/var", [2]],
  ["params/Dense_0/kernel", [8, 3]],
  ["params/Dense_0/bias", [3]],
];

/** A tensor of a shape; where there is none of it, the value itself: programs in JavaScript may pass anything. */
function tensorOf(shape: unknown): Tensor {
  const isShape = Array.isArray(shape) && shape.length <= 5 && shape.every((n) => Number.isInteger(n) && n >= 0);
  const size = isShape ? shape.reduce((product: number, n: number) => product * n, 1) : Number.NaN;
  return size <= 1e5 ? tensor(new Float32Array(size), shape as number[]) : (shape as Tensor);
}

function stateTarget(name: string, entries: Entries, load: typeof loadKerasState): FuzzTarget {
  return target<State>({
    name,
    sizeOf: ({ entries: given }) => JSON.stringify(given)?.length ?? 0,
    make: (draw) => ({
      entries: damagedJson(draw, entries),
      options: draw === null ? {} : optionsOf(draw),
    }),
    read({ entries: given, options }) {
      const model = new Sequential(new Conv2d(1, 2, 3), new BatchNorm(2), new Flatten(), new Linear(8, 3));
      const pairs = given
        .filter((entry) => Array.isArray(entry))
        .map(([key, shape]) => [typeof key === "object" ? JSON.stringify(key) : String(key), tensorOf(shape)]);
      try {
        load(model, Object.fromEntries(pairs), options);
      } finally {
        for (const t of [...model.parameters(), ...pairs.map(([, t]) => t)]) if (t instanceof Tensor) t.dispose();
      }
    },
  });
}

function optionsOf(draw: Draw): object {
  if (!draw.once(2)) return {};
  const { options } = damagedJson(draw, { options: { layers: { "0": "conv" }, flattened: { "3": 2 }, strict: false } });
  return typeof options === "object" && options !== null ? options : {};
}

export const kerasState = stateTarget("Keras state", keras, loadKerasState);
export const flaxState = stateTarget("Flax state", flax, loadFlaxState);

/** Nested arrays, some of which contain themselves or share their rows. */
export const nested = target<unknown>({
  name: "nested arrays",
  sizeOf: () => 1000,
  make(draw) {
    const data = damagedJson(draw, [
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ] as unknown[]);
    if (draw?.once(6)) data.splice(draw.below(data.length + 1), 0, data);
    if (draw?.once(10)) {
      // Rows that are shared claim more than they hold: of the longest, two levels are already beyond any memory.
      const length = draw.pick([2, 12, 20_000]);
      let row: unknown = 0;
      for (let k = draw.below(7); k >= 0; k--) row = new Array(length).fill(row);
      return row;
    }
    return draw?.once(10) ? { [oddText(draw)]: oddValue(draw) } : data;
  },
  read: (data) => scope(() => tensor(data as number[]).shape),
});

import {
  type AnyModule,
  loadModel,
  onWarning,
  type Shape,
  saveModel,
  seed,
  type Tensor,
  tensor,
  trace,
} from "evenkeel";
import { exportOnnx } from "evenkeel/onnx";
import { beforeEach, expect, test } from "vitest";
import { describeEachBackend } from "./backends.js";
import { expectClose } from "./close.js";
import { expectGradient, type Input, input } from "./gradient.js";
import { runOnnx } from "./onnx-runtime.js";
import { normal, normalValues } from "./seeded.js";

/** A layer that normalises, and what it is given. */
export interface NormCase<Layer> {
  readonly make: () => Layer;
  /** Of x, and of a condition where it takes one. */
  readonly shapes: readonly Shape[];
  /** Values of x, of normal deviates. @defaultValue 2 v + 1 */
  readonly values?: (deviate: number) => number;
  /** Values of a parameter. @defaultValue 1 + v / 2 of normal deviates v; around 0 where the layer begins with 0 */
  readonly parameter?: (key: string, shape: Shape, deviates: Float32Array) => Float32Array;
  /** Whether gradients are held against finite differences, which float32 must allow. @defaultValue true */
  readonly differentiates?: boolean;
  /** Opset versions to export to; none: it is not exported. @defaultValue [13, 18] */
  readonly opsets?: readonly number[];
  /** Of float32 beside the formula in float64, in units of the largest value. @defaultValue 1e-5 */
  readonly tolerance?: number;
}

/** x as samples, channels and positions, in float64. */
export class Grid {
  readonly samples: number;
  readonly channels: number;
  readonly positions: number;
  readonly #values: Float64Array;

  constructor(x: Tensor) {
    const [samples, channels, ...positions] = x.shape;
    this.samples = samples;
    this.channels = channels;
    this.positions = positions.reduce((a, b) => a * b, 1);
    this.#values = Float64Array.from(x.dataSync());
  }

  at(n: number, c: number, s: number): number {
    return this.#values[(n * this.channels + c) * this.positions + s];
  }

  /** A value for each of x, in its order. */
  map(of: (value: number, n: number, c: number, s: number) => number): number[] {
    return Array.from(this.#values, (value, i) => {
      const row = Math.floor(i / this.positions);
      return of(value, Math.floor(row / this.channels), row % this.channels, i % this.positions);
    });
  }

  /** The values at which `isOne` holds. */
  where(isOne: (n: number, c: number, s: number) => boolean): number[] {
    const chosen = this.map((_, n, c, s) => (isOne(n, c, s) ? 1 : 0));
    return [...this.#values].filter((_, i) => chosen[i] === 1);
  }
}

export const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

export const varianceOf = (values: readonly number[]): number => {
  const mean = meanOf(values);
  return meanOf(values.map((value) => (value - mean) ** 2));
};

type Run = (...inputs: Tensor[]) => Tensor;
const runOf = (layer: AnyModule): Run => (layer.forward as unknown as Run).bind(layer);

/** Gives a layer parameters other than those that it begins with. */
export function settle(layer: AnyModule, { parameter }: Pick<NormCase<unknown>, "parameter"> = {}): void {
  const state = layer.namedParameters().map(([key, t], k): [string, Tensor] => {
    const deviates = normalValues(t.size, 20 + k);
    const first = t.dataSync();
    const values = parameter?.(key, t.shape, deviates) ?? deviates.map((v, i) => (first[i] === 0 ? 0 : 1) + v / 2);
    return [key, tensor(values, t.shape)];
  });
  layer.loadStateDict(Object.fromEntries(state), { strict: false });
}

const inputsOf = ({ shapes, values = (v) => 2 * v + 1 }: NormCase<unknown>, from: number): Tensor[] =>
  shapes.map((shape, k) => {
    const x = normal(shape, from + k);
    return k === 0 ? tensor(x.dataSync().map(values), shape) : x;
  });

/** Sets a tensor at a path, as in `namedParameters`. */
function put(layer: AnyModule, path: string, t: Tensor): void {
  const dot = path.lastIndexOf(".");
  const holder = layer.namedModules().find(([name]) => name === path.slice(0, Math.max(dot, 0)));
  if (holder !== undefined) Reflect.set(holder[1], path.slice(dot + 1), t);
}

/**
 * Holds a layer against its formula in float64, in training and in evaluation after it; its gradients for x, a
 * condition and every parameter against finite differences; and its trace, its file and its export to ONNX against
 * itself. On every backend.
 */
export function describeNorm<Layer extends AnyModule>(
  name: string,
  cases: Readonly<Record<string, NormCase<Layer>>>,
  formula: (layer: Layer, ...inputs: Tensor[]) => readonly number[],
): void {
  const rows = Object.entries(cases);
  describeEachBackend(name, () => {
    beforeEach(() => {
      seed(1);
      onWarning(() => {});
    });

    test.each(rows)("%s: is its formula, in training and in evaluation", (_, one) => {
      const layer = one.make();
      settle(layer, one);
      for (const from of [3, 40]) {
        const inputs = inputsOf(one, from);
        expectClose(runOf(layer)(...inputs).dataSync(), formula(layer, ...inputs), one.tolerance);
      }
      layer.eval();
      const inputs = inputsOf(one, 60);
      expectClose(runOf(layer)(...inputs).dataSync(), formula(layer, ...inputs), one.tolerance);
    });

    const smooth = rows.filter(([, { differentiates = true }]) => differentiates);
    test.each(smooth)("%s: has the gradients of finite differences", (_, one) => {
      for (const training of [true, false]) {
        const layer = one.make();
        settle(layer, one);
        runOf(layer)(...inputsOf(one, 70));
        layer.train(training);
        const parameters = layer.namedParameters();
        const own = parameters.map(([, t]): Input => ({ shape: t.shape, values: t.dataSync() }));
        const given = one.shapes.map((shape, k) => input(shape, 5 + k, k === 0 ? one.values : undefined));
        const run = (...tensors: Tensor[]): Tensor => {
          for (const [k, [key]] of parameters.entries()) put(layer, key, tensors[given.length + k]);
          return runOf(layer)(...tensors.slice(0, given.length));
        };
        expectGradient(run, [...given, ...own]);
      }
    });

    test.each(rows)("%s: comes back from a file, a trace and onnxruntime as it is", async (_, one) => {
      const layer = one.make();
      settle(layer, one);
      runOf(layer)(...inputsOf(one, 70));
      layer.eval();
      const inputs = inputsOf(one, 80);
      const expected = runOf(layer)(...inputs).dataSync();
      const { model } = loadModel(saveModel(layer));
      expect(String(model)).toBe(String(layer));
      expect(runOf(model.eval())(...inputs).dataSync()).toEqual(expected);
      const graph = trace(layer, ...inputs, { mode: "eval" });
      expectClose(runOf(graph)(...inputs).dataSync(), expected, 1e-6);
      for (const opset of one.opsets ?? [13, 18]) {
        const bytes = await exportOnnx(graph, { opset });
        const feeds = inputs.map((x, k) => [
          k === 0 ? "input" : `input_${k}`,
          { shape: x.shape, values: [...x.dataSync()] },
        ]);
        const { output } = await runOnnx(bytes, Object.fromEntries(feeds));
        expectClose(output.values, expected);
      }
    });
  });
}

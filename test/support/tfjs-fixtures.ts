import { scope, type Tensor, tensor } from "evenkeel";
import { type ImportedTfjs, type TfjsFiles, toTfjsFiles } from "evenkeel/tfjs";
import { expect } from "vitest";
import { expectClose } from "./close.js";

/** An array as the scripts of test/fixtures write it: little-endian float32 in base64. */
export interface StoredArray {
  readonly shape: number[];
  readonly values: string;
}

/** A model with what another system makes of inputs. */
export interface StoredModel {
  readonly name: string;
  readonly inputs: readonly StoredArray[];
  readonly outputs: readonly StoredArray[];
}

/** A model of TF.js, as test/fixtures/tfjs-import.mjs writes it. */
export interface StoredTfjs extends StoredModel {
  readonly format: string;
  readonly modelTopology: object;
  readonly weightSpecs: readonly { readonly name: string; readonly shape: number[]; readonly dtype: string }[];
  readonly weights: string;
}

export function valuesOf({ values }: StoredArray): Float32Array {
  return new Float32Array(Uint8Array.from(atob(values), (character) => character.charCodeAt(0)).buffer);
}

/** The files of a stored model. */
export function filesOf({ format, modelTopology, weightSpecs, weights }: StoredTfjs): TfjsFiles {
  const weightData = Uint8Array.from(atob(weights), (character) => character.charCodeAt(0)).buffer;
  return toTfjsFiles({ format, modelTopology, weightSpecs, weightData });
}

/** Images and volumes with their channels first; all else as it is. */
export function channelsFirst(stored: StoredArray): { shape: number[]; values: Float32Array } {
  const { shape } = stored;
  const values = valuesOf(stored);
  if (shape.length < 4) return { shape, values };
  const channels = shape[shape.length - 1];
  const positions = shape.slice(1, -1).reduce((product, size) => product * size, 1);
  const turned = values.map((_, i) => {
    const sample = Math.floor(i / (channels * positions));
    const rest = i % (channels * positions);
    return values[(sample * positions + (rest % positions)) * channels + Math.floor(rest / positions)];
  });
  return { shape: [shape[0], channels, ...shape.slice(1, -1)], values: turned };
}

/**
 * Compares an imported network with the outputs that another system gave.
 *
 * @param asIs - whether the file has channels first itself
 */
export function expectOutputs(
  { model }: Pick<ImportedTfjs, "model">,
  { inputs, outputs }: StoredModel,
  { tolerance = 2e-5, asIs = false } = {},
): void {
  const here = (stored: StoredArray) =>
    asIs ? { shape: stored.shape, values: valuesOf(stored) } : channelsFirst(stored);
  model.eval();
  scope(() => {
    const graph = model as unknown as { forward(...given: Tensor[]): Tensor | Record<string, Tensor> };
    const given = inputs.map((one) => tensor(here(one).values, here(one).shape));
    const result = graph.forward(...given);
    const tensors = outputs.length === 1 ? [result as Tensor] : Object.values(result as Record<string, Tensor>);
    expect(tensors.length).toBe(outputs.length);
    for (const [k, expected] of outputs.map(here).entries()) {
      expect([...tensors[k].shape]).toEqual(expected.shape);
      expectClose(tensors[k].dataSync(), expected.values, tolerance);
    }
  });
}

import { sortedOut } from "../../../graph/fold/fold.js";
import type { FoldedNorms } from "../../../graph/fold/fold-batch-norm.js";
import { checkOptions } from "../../../options.js";
import { declaredInputs } from "../model/declared-inputs.js";
import type { TfjsFiles } from "../model/files.js";
import { graphNorms } from "../model/graph-norms.js";
import { TfjsModel } from "../model/tfjs-model.js";
import { foldLayers, type LayerOutcome } from "./fold-norms.js";
import { type TfjsVerification, type VerifyTfjsOptions, verify } from "./verify.js";

/** Options of {@link foldTfjs}. */
export interface FoldTfjsOptions extends VerifyTfjsOptions {
  /** Whether both models are run and compared before the folded one is returned. @defaultValue true */
  readonly verify?: boolean;
  /**
   * Whether kernels that are quantised to whole numbers are stored as float32, four or two times as large, where a norm
   * goes into them; else such norms are left.
   *
   * @defaultValue false
   */
  readonly dequantize?: boolean;
}

/** A folded model, and what was done. */
export interface TfjsFolding extends FoldedNorms {
  /** The new files. */
  readonly files: TfjsFiles;
  /** How far both models differ; null if they were not compared, or nothing was folded. */
  readonly verification: TfjsVerification | null;
}

/**
 * Folds batch norms of a TF.js layers model into the layers before or after them, where that changes no result.
 *
 * At inference a batch norm is a fixed map of each channel, y = a·x + b with a = gamma / √(moving_variance + epsilon)
 * and b = beta − moving_mean·a. It is folded
 * - into a Conv1D, Conv2D, Conv3D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D or Dense before it:
 *   kernel ← a·kernel, bias ← a·bias + b,
 *   through what is the identity at inference (Dropout and the like) and average pooling between them;
 * - into a batch norm before it, which gives one for two;
 * - else into such a layer after it that pads nothing (no transposed one): kernel ← kernel·a, bias ← bias + Σ kernel·b.
 *
 * It is left where others read what would change, where a layer is shared or carries an activation in between, and
 * where kernels are quantised to whole numbers, unless `dequantize` is on. Numbers are computed in float64 and rounded
 * once to what the weight is stored as. Layers without bias get one; a norm that is an output of the model leaves a
 * linear Activation of its name. All else stays: training configuration, metadata, other weights. Graph models are
 * returned as they are.
 *
 * @param files - model.json and its weights; not changed
 * @throws FormatError if they are damaged, or no model of TF.js
 * @throws VerificationError if the folded model computes something else, beyond the tolerance
 * @throws DataError if TF.js cannot load or run the model
 * @throws MissingPackageError if \@tensorflow/tfjs is not installed, with `verify`
 */
export async function foldTfjs(files: TfjsFiles, options: FoldTfjsOptions = {}): Promise<TfjsFolding> {
  const where = "foldTfjs(files)";
  checkOptions(where, options, {
    verify: true,
    dequantize: true,
    tolerance: true,
    inputs: true,
    shapes: true,
    tf: true,
  });
  const model = new TfjsModel(where, files);
  if (model.main === null) {
    const left = graphNorms(model).flatMap(({ place, mode, leftBecause }) =>
      mode === null || leftBecause === null ? [] : [{ norm: place, reason: leftBecause }],
    );
    return { files: copyOf(files), folded: [], left, verification: null };
  }
  const outcomes = foldLayers(model, options.dequantize);
  const { folded, left } = sortedOut(outcomes);
  if (folded.length === 0) return { files: copyOf(files), folded, left, verification: null };
  const result = model.write();
  const compared = {
    before: files,
    after: result,
    places: placesOf(model, outcomes),
    indices: declaredInputs(model).flatMap(({ name, type }) => (type === "int32" ? [name] : [])),
    defaultTolerance: model.hasHalves ? 0.02 : 1e-4,
  };
  const verification = options.verify === false ? null : await verify(where, compared, options);
  return { files: result, folded, left, verification };
}

function copyOf({ model, shards }: TfjsFiles): TfjsFiles {
  return {
    model: model.slice(),
    shards: Object.fromEntries(Object.entries(shards).map(([path, bytes]) => [path, bytes.slice()])),
  };
}

/**
 * Of several norms that went into one layer, the last one's output is the layer's; one that then went on itself has
 * left no place.
 */
function placesOf({ main }: TfjsModel, outcomes: readonly LayerOutcome[]): (readonly [string, string])[] {
  const places = new Map<string, readonly [string, string]>();
  for (const { into, compared } of outcomes) {
    if (into === undefined || compared === undefined) continue;
    const { before, after, taker } = compared;
    if (main?.layers.has(after) && main.layers.has(taker)) places.set(into, [before, after]);
  }
  return [...places.values()];
}

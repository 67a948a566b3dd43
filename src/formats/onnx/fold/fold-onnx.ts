import { sortedOut } from "../../../graph/fold/fold.js";
import type { FoldedNorms } from "../../../graph/fold/fold-batch-norm.js";
import { checkOptions } from "../../../options.js";
import type { VerifyOptions } from "../../foreign/comparison.js";
import { OnnxModel, type ReadOnnxOptions } from "../graph/onnx-model.js";
import { foldGraphs } from "./fold-norms.js";
import { type OnnxVerification, verify } from "./verify.js";

/** Options of {@link foldOnnx}. */
export interface FoldOnnxOptions extends VerifyOptions, ReadOnnxOptions {
  /** Whether both models are run and compared before the folded one is returned. @defaultValue true */
  readonly verify?: boolean;
}

/** A folded model, and what was done. */
export interface OnnxFolding extends FoldedNorms {
  /** The new file. */
  readonly bytes: Uint8Array;
  /** How far both models differ; null if they were not compared, or nothing was folded. */
  readonly verification: OnnxVerification | null;
}

/**
 * Folds batch norms of an ONNX model into what stands before or after them, where that changes no result.
 *
 * At inference a batch norm is a fixed map of each channel, y = a·x + b with a = weight / √(variance + eps) and
 * b = bias − mean·a. It is folded
 * - into a Conv, ConvTranspose, Gemm or MatMul before it: weight ← a·weight, bias ← a·bias + b, through constant Add,
 *   Sub, Mul and Div and through Identity, Dropout and a Reshape of rows to rows as long between them, all of which go,
 *   and through average pooling that counts no padding and Flatten, which stay;
 * - into a batch norm before it, which gives one for two;
 * - else into a Conv, Gemm or MatMul after it that pads nothing: weight ← weight·a, bias ← bias + Σ weight·b.
 *
 * Weights and statistics may be computed by nodes of constants alone, such as those of weight norm, which then go.
 *
 * It is left where others read what would change, where statistics or weights are not constant, and where the new
 * weights would overflow. Weights that others share are copied. Numbers are computed in float64 and rounded once to the
 * type that the model has. Everything else in the file stays as it is.
 *
 * @param bytes - an .onnx file; not changed
 * @throws FormatError if it is no ONNX model, or damaged
 * @throws VerificationError if the folded model computes something else, beyond the tolerance
 * @throws DataError if onnxruntime cannot run the model
 * @throws MissingPackageError if onnx-buf, or onnxruntime-web with `verify`, is not installed
 */
export async function foldOnnx(bytes: Uint8Array, options: FoldOnnxOptions = {}): Promise<OnnxFolding> {
  const where = "foldOnnx(bytes)";
  checkOptions(where, options, {
    verify: true,
    tolerance: true,
    inputs: true,
    shapes: true,
    files: true,
    initializersAreConstant: true,
  });
  const model = await OnnxModel.read(where, bytes, options);
  const outcomes = foldGraphs(model);
  const { folded, left } = sortedOut(outcomes);
  const result = model.write(folded.length > 0);
  const isCompared = folded.length > 0 && options.verify !== false;
  const values = outcomes.flatMap(({ graph, value }) => (graph === model.main && value !== undefined ? [value] : []));
  const places = values.filter((value) => model.main.makerOf(value) !== undefined);
  const verification = isCompared
    ? await verify(where, model, { before: bytes, after: result, places }, options)
    : null;
  return { bytes: result, folded, left, verification };
}

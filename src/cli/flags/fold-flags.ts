import { data, samples } from "./data-flags.js";
import { flag, withDefault } from "./flag.js";
import { initializersAreConstant, noVerify, shape, tolerance } from "./foreign-flags.js";

/** The flags of `evenkeel fold` that serve models of other systems alone. */
export const foreignFlags = [
  { ...tolerance, initially: "1e-4; 0.02 with float16" },
  shape,
  noVerify,
  initializersAreConstant,
  flag("--dequantize", {
    group: "Model",
    help: "TF.js: store quantised kernels as float32 where a norm goes into them",
  }),
  {
    ...data,
    help: "ONNX, TF.js: data instead of noise: a folder of images, an NPY, NPZ (x) or CSV file",
  },
  withDefault({ ...samples, help: "ONNX, TF.js: number of these inputs, at most" }, 64),
] as const;

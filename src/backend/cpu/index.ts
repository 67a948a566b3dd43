import type { Backend } from "../backend.js";
import { convolutions } from "./conv.js";
import { elementwise } from "./elementwise.js";
import { matrixProducts } from "./gemm.js";
import { lookups } from "./lookups.js";
import { losses } from "./losses.js";
import { memory } from "./memory.js";
import { normalization } from "./normalization.js";
import { optimization } from "./optimization.js";
import { pooling } from "./pooling.js";
import { recurrences } from "./recurrences.js";
import { reductions } from "./reductions.js";
import { summaries } from "./summary.js";

/**
 * The oracle: each member is the formula of its documentation as plain loops, values stored as f32 and everything in
 * between computed in float64. Faster backends are tested against it.
 */
export const cpu: Backend<ArrayBuffer> = {
  name: "cpu",
  answersAtOnce: true,
  ...memory,
  ...elementwise,
  ...reductions,
  ...matrixProducts,
  ...lookups,
  ...convolutions,
  ...pooling,
  ...recurrences,
  ...normalization,
  ...summaries,
  ...losses,
  ...optimization,
};

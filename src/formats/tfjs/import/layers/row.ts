import type { LayerStep } from "../layer-step.js";
import type { Value } from "../value.js";

/** Makes what a class of layers is here. */
export type Row = (at: LayerStep) => Value;

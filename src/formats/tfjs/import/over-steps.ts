import type { OpenShape } from "../../../graph/node.js";
import { times } from "../../onnx/import/shapes/open-shapes.js";
import type { LayerStep } from "./layer-step.js";
import type { Value } from "./value.js";

/** What is made of each step of a sequence: steps of all samples become samples. */
export function overSteps(at: LayerStep, apply: (x: Value) => Value): Value {
  const { x } = at;
  const [batch, steps, ...rest] = x.shape;
  if (typeof steps !== "number") throw at.refuse("an unknown number of steps");
  const all: OpenShape = [times(batch, steps), ...rest];
  const y = apply({ ref: at.reshape(at.keras(x), all), shape: all, order: "keras" });
  const shape: OpenShape = [batch, steps, ...y.shape.slice(1)];
  return at.plain(at.reshape(at.keras(y), shape), shape);
}

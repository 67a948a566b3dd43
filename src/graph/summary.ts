import { zeros } from "../create.js";
import type { AnyModule } from "../nn/module.js";
import { scope } from "../scope.js";
import { checkShape, type Shape } from "../shape.js";
import { graphTable } from "./table.js";
import { tracedParts } from "./trace/trace.js";

/**
 * A network as a table in plain text: its layers and ops in the order in which they run, with the shapes of their
 * outputs and their parameters, and below it how many parameters are trained. The network runs on zeros, in evaluation
 * mode; nothing of it changes.
 *
 * @param inputShape - of one sample, without the batch: (C, H, W) of images; a list of such shapes for several inputs
 * @throws TraceError if the network cannot be a graph: see {@link trace}
 * @throws ShapeError if a layer does not fit the shape of its input
 * @example
 * ```ts
 * summary(new Sequential(new Linear(4, 8), new ReLU(), new Linear(8, 3)), [4]).split("\n").length; // 9
 * ```
 */
export function summary(model: AnyModule, inputShape: Shape | readonly Shape[]): string {
  const shapes = Array.isArray(inputShape[0]) ? (inputShape as readonly Shape[]) : [inputShape as Shape];
  for (const shape of shapes) checkShape("summary(model, inputShape)", shape);
  const table = scope(() => {
    const parts = tracedParts(model, [...shapes.map((shape) => zeros([2, ...shape])), { mode: "eval" }]);
    const text = graphTable(parts);
    for (const t of parts.constants) t.dispose();
    return text;
  });
  const parameters = model.parameters();
  const count = (isTrained: boolean): number =>
    parameters.filter((t) => t.requiresGrad === isTrained).reduce((total, t) => total + t.size, 0);
  return `${table}\n${count(true)} parameters are trained, ${count(false)} are not`;
}

import { ArgumentError } from "../../errors.js";
import type { Budget, Experiment } from "../experiment.js";
import { alive } from "./alive.js";
import { batch } from "./batch.js";
import { type ExperimentName, experimentNames } from "./experiment-names.js";
import { faster } from "./faster.js";
import { gap } from "./gap.js";
import { linear } from "./linear.js";
import { memory } from "./memory.js";
import { norms } from "./norms.js";
import { place } from "./place.js";
import { shift } from "./shift.js";
import { shifted } from "./shifted.js";

const byName: Readonly<Record<ExperimentName, Experiment>> = {
  alive,
  faster,
  shift,
  batch,
  norms,
  gap,
  memory,
  place,
  linear,
  shifted,
};

/** All experiments, in the order in which a study runs them. */
export const experiments: readonly Experiment[] = experimentNames.map((name) => byName[name]);

/**
 * The experiments of a budget, or those of some names.
 *
 * @throws ArgumentError if a name is unknown, listing those that are known
 * @example
 * ```ts
 * chooseExperiments(["linear", "gap"], "quick").map(({ name }) => name); // ["gap", "linear"]
 * ```
 */
export function chooseExperiments(names: readonly string[], budget: Budget): Experiment[] {
  const unknown = names.filter((name) => experiments.every((experiment) => experiment.name !== name));
  if (unknown.length > 0) {
    throw new ArgumentError({
      where: "chooseExperiments(names)",
      expected: `names of ${experiments.map(({ name }) => name).join(", ")}`,
      received: unknown.join(", "),
      cure: "Leave the names out for all experiments of the budget.",
    });
  }
  return experiments.filter(({ name, timeShare }) =>
    names.length === 0 ? timeShare[budget] > 0 : names.includes(name),
  );
}

import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { Norm } from "../nn/norms/norm.js";
import { checkOptions } from "../options.js";
import { shown } from "../shown.js";
import type { Tensor } from "../tensor.js";
import type { ParameterGroup } from "./optimizer.js";

/** Which kind of parameter: those of norms; biases, not those of norms; all others. */
export type ParameterKind = "norm" | "bias" | "weight";

/** What {@link parameterGroups} gives the parameters that it matches. */
export interface ParameterRule extends Omit<ParameterGroup, "parameters"> {
  /**
   * A kind; a path of the model, which matches the parameter or all parameters below it (`"head"` matches
   * `head.weight`); or an expression over paths.
   */
  readonly match: ParameterKind | RegExp | (string & {});
}

const kinds: readonly string[] = ["norm", "bias", "weight"] satisfies ParameterKind[];
const where = "parameterGroups(model, rules)";

/**
 * Groups for an optimiser: each parameter follows the first rule that matches it; those that none matches go by the
 * optimiser's own options.
 *
 * @throws ArgumentError if a rule matches nothing, or is no rule
 * @example
 * ```ts
 * const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new Linear(8, 3));
 * const groups = parameterGroups(model, [
 *   { match: "norm", weightDecay: 0 },
 *   { match: "bias", weightDecay: 0 },
 *   { match: "0", lrScale: 0.1 },
 * ]);
 * groups.map(({ parameters }) => [...parameters].length); // [2, 2, 1, 1]
 * new AdamW(groups, { lr: 1e-3, weightDecay: 0.01 });
 * ```
 */
export function parameterGroups(model: Module, rules: readonly ParameterRule[]): ParameterGroup[] {
  for (const rule of rules) checkOptions(where, rule, { match: true, lrScale: true, weightDecay: true });
  const ofNorms = new Set(
    model.namedModules().flatMap(([, module]) => (module instanceof Norm ? module.parameters() : [])),
  );
  const groups = rules.map((rule) => ({ ...rule, parameters: [] as Tensor[] }));
  const matched = new Set<ParameterRule>();
  const rest: Tensor[] = [];
  for (const [name, parameter] of model.namedParameters()) {
    const kind: ParameterKind = ofNorms.has(parameter) ? "norm" : /(^|\.)bias[^.]*$/.test(name) ? "bias" : "weight";
    const fits = rules.filter(({ match }) => matches(match, name, kind));
    for (const rule of fits) matched.add(rule);
    if (fits.length === 0) rest.push(parameter);
    else groups[rules.indexOf(fits[0])].parameters.push(parameter);
  }
  const idle = rules.find((rule) => !matched.has(rule));
  if (idle !== undefined) {
    const paths = model.namedParameters().map(([name]) => name);
    throw new ArgumentError({
      where,
      expected: `rules of which each matches a parameter, such as ${paths.slice(0, 3).join(", ")}`,
      received: idle.match instanceof RegExp ? String(idle.match) : shown(idle.match),
      cure: `Match a kind (${kinds.join(", ")}), a path, or an expression over paths.`,
    });
  }
  const made = groups.filter(({ parameters }) => parameters.length > 0).map(({ match: _, ...group }) => group);
  return rest.length === 0 ? made : [...made, { parameters: rest }];
}

function matches(match: ParameterRule["match"], name: string, kind: ParameterKind): boolean {
  if (match instanceof RegExp) return new RegExp(match.source, match.flags.replaceAll(/[gy]/g, "")).test(name);
  return match === kind || name === match || (!kinds.includes(match) && name.startsWith(`${match}.`));
}

import { ArgumentError } from "../../errors.js";
import type { Module } from "../../nn/module.js";
import type { Optimizer } from "../../optim/optimizer.js";
import type { Tensor } from "../../tensor.js";

/** Paths of what an optimiser changes, in its order; null for what is no parameter of the model. */
export function optimizedPaths(model: Module, { parameters }: Optimizer): (string | null)[] {
  const paths = new Map(model.namedParameters().map(([path, parameter]) => [parameter, path]));
  return parameters.map((parameter) => paths.get(parameter) ?? null);
}

/**
 * The state of an optimiser for one whose parameters stand in another order, as other groups bring it about.
 *
 * @param before - {@link optimizedPaths} of the one that the state is of
 * @param now - those of the other
 * @throws ArgumentError if they do not change the same parameters
 */
export function inOrderOf(
  where: string,
  state: Readonly<Record<string, Tensor>>,
  before: readonly (string | null)[],
  now: readonly (string | null)[],
): Record<string, Tensor> {
  const places = new Map(numbered(now).map((path, place) => [path, place]));
  const known = numbered(before);
  const fault = (received: string): ArgumentError =>
    new ArgumentError({
      where,
      expected: `an optimiser of the ${before.length} parameters that the checkpoint was taken with`,
      received,
      cure: "Make it of the same parameters, in any groups.",
    });
  const lost = known.find((path) => !places.has(path));
  if (lost !== undefined) throw fault(`one without ${lost}`);
  const added = [...places.keys()].find((path) => !known.includes(path));
  if (added !== undefined) throw fault(`one with ${added} besides`);
  return Object.fromEntries(
    Object.entries(state).map(([name, t]) => {
      const [, place = "", slot = ""] = /^(\d+)(\..*)$/.exec(name) ?? [];
      const path = known[Number(place)];
      return [path === undefined ? name : `${places.get(path)}${slot}`, t] as const;
    }),
  );
}

/** What has no path is known by its place among others without one. */
function numbered(paths: readonly (string | null)[]): string[] {
  let unnamed = 0;
  return paths.map((path) => path ?? `parameter ${++unnamed} of none of its layers`);
}

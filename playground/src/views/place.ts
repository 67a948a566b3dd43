import { networksOf } from "../networks-of.js";
import type { Run } from "../run.js";
import type { Place } from "../training/train-and-test.js";

/** Networks whose layers remember running statistics. */
export function rememberingOf(run: Run): readonly (0 | 1)[] {
  const remembers = networksOf(run.settings.value.experiment).map(({ norm }) => norm === "batch" || norm === "renorm");
  return ([0, 1] as const).filter((network) => remembers[network]);
}

/** Networks with a norm that learns γ. */
export function learningOf(run: Run): readonly (0 | 1)[] {
  const learns = networksOf(run.settings.value.experiment).map(({ norm }) => norm !== "none");
  return ([0, 1] as const).filter((network) => learns[network]);
}

/** The layer that is looked at, of one of some networks: of the one asked for, if it is among them. */
export function placeOf(run: Run, networks: readonly (0 | 1)[]): Place | null {
  const { experiment, view } = run.settings.value;
  const asked = view.tested === "a" ? 0 : 1;
  const network = networks.includes(asked) ? asked : networks[0];
  if (network === undefined) return null;
  return { network, layer: Math.min(view.layer, networksOf(experiment)[network].depth) - 1 };
}

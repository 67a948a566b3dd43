import type { Experiment, NetworkSettings } from "./settings.js";

/** The settings of both networks in full. */
export function networksOf({ a, b }: Experiment): readonly [a: NetworkSettings, b: NetworkSettings] {
  return [a, { ...a, ...b }];
}

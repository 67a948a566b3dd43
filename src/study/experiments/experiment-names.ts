/** All experiments by name, in the order in which a study runs them. */
export const experimentNames = [
  "alive",
  "faster",
  "shift",
  "batch",
  "norms",
  "gap",
  "memory",
  "place",
  "linear",
  "shifted",
] as const;
/** A name of {@link experimentNames}. */
export type ExperimentName = (typeof experimentNames)[number];

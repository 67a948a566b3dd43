/** What is known of a kind of layer that normalises. */
export interface NormClass {
  /**
   * Its weights in their order: the layer's name for it, what we call it, and the switch of the config without which it
   * is not there.
   */
  readonly weights: readonly (readonly [key: string, name: string, onlyIf: string | null])[];
  /** What is added under the root if the config does not say; null where the kind has none. */
  readonly eps: number | null;
}

const affine: NormClass["weights"] = [
  ["gamma", "weight", "scale"],
  ["beta", "bias", "center"],
];
const batch: NormClass = {
  weights: [...affine, ["moving_mean", "mean", null], ["moving_variance", "variance", null]],
  eps: 1e-3,
};

const kinds: Readonly<Record<string, NormClass>> = {
  BatchNormalization: batch,
  BatchNormalizationV1: batch,
  BatchNormalizationV2: batch,
  SyncBatchNormalization: batch,
  LayerNormalization: { weights: affine, eps: 1e-3 },
  GroupNormalization: { weights: affine, eps: 1e-3 },
  "Addons>GroupNormalization": { weights: affine, eps: 1e-3 },
  InstanceNormalization: { weights: affine, eps: 1e-3 },
  "Addons>InstanceNormalization": { weights: affine, eps: 1e-3 },
  RMSNormalization: { weights: [["scale", "weight", null]], eps: 1e-6 },
  UnitNormalization: { weights: [], eps: null },
};

/** What kind of normalisation a class of layers is; undefined if it is none. */
export function normClassOf(className: string): NormClass | undefined {
  return Object.hasOwn(kinds, className) ? kinds[className] : undefined;
}

/** Whether a class normalises by running statistics. */
export function isBatchNorm(className: string): boolean {
  return normClassOf(className) === batch;
}

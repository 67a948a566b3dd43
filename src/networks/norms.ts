import type { Module } from "../nn/module.js";
import { BatchNorm } from "../nn/norms/batch-norm.js";
import { BatchRenorm } from "../nn/norms/batch-renorm.js";
import { GroupNorm } from "../nn/norms/group-norm.js";
import { InstanceNorm } from "../nn/norms/instance-norm.js";
import { LayerNorm } from "../nn/norms/layer-norm.js";
import { RmsNorm } from "../nn/norms/rms-norm.js";

/** Numbers of a norm; each kind takes those that it has. */
export interface NormSettings {
  /** Weight of the old running value, as {@link BatchNorm}'s. @defaultValue the layer's own */
  readonly momentum?: number | undefined;
  /** Added to the variance under the root. @defaultValue the layer's own */
  readonly eps?: number | undefined;
  /**
   * Groups of group norm, at most: the largest number up to it that divides the features and leaves 2 or more to a group, else 1.
   * @defaultValue 32
   */
  readonly groups?: number | undefined;
  /** Samples that ghost batch norm normalises together: {@link BatchNorm.virtualBatchSize}. @defaultValue 32 */
  readonly virtualBatchSize?: number | undefined;
  /** Whether x is (N, features) and has no further axes. @defaultValue false */
  readonly vectors?: boolean | undefined;
}

/** A setting that only some kinds have a use for. */
export type NormSetting = Exclude<keyof NormSettings, "vectors">;

interface NormKind {
  /** The settings that it has a use for. */
  readonly uses: readonly NormSetting[];
  /** A norm for so many channels or features in axis 1. */
  readonly layer: (features: number, settings: NormSettings) => Module | null;
  /** Whether a shift of a channel does not reach its output, so that the layer before it needs no bias. */
  readonly removesBias: boolean;
}

const kinds = {
  batch: {
    uses: ["momentum", "eps"],
    layer: (features, { momentum, eps }) => new BatchNorm(features, given({ momentum, eps })),
    removesBias: true,
  },
  layer: {
    uses: ["eps"],
    layer: (features, { eps, vectors }) =>
      vectors ? new LayerNorm(features, given({ eps })) : new GroupNorm(1, features, given({ eps })),
    removesBias: false,
  },
  instance: {
    uses: ["eps"],
    layer: (features, { eps, vectors }) =>
      vectors ? new LayerNorm(features, given({ eps })) : new InstanceNorm(features, given({ eps })),
    removesBias: false,
  },
  group: {
    uses: ["eps", "groups"],
    layer: (features, { eps, groups }) => new GroupNorm(groupsOf(features, groups), features, given({ eps })),
    removesBias: false,
  },
  rms: {
    uses: ["eps"],
    layer: (features, { eps, vectors }) => new RmsNorm(features, { ...given({ eps }), channelsFirst: !vectors }),
    removesBias: false,
  },
  ghost: {
    uses: ["momentum", "eps", "virtualBatchSize"],
    layer: (features, { momentum, eps, virtualBatchSize = 32 }) =>
      new BatchNorm(features, { ...given({ momentum, eps }), virtualBatchSize }),
    removesBias: true,
  },
  renorm: {
    uses: ["momentum", "eps"],
    layer: (features, { momentum, eps }) => new BatchRenorm(features, given({ momentum, eps })),
    removesBias: true,
  },
  none: { uses: [], layer: () => null, removesBias: false },
} as const satisfies Readonly<Record<string, NormKind>>;

/** Which normalisation a network built by name has. */
export type NormName = keyof typeof kinds;
/** See {@link NormName}. */
export const normNames = Object.keys(kinds) as readonly NormName[];

/** What is said of a setting that a norm has no use for: the norms that have one, as messages list them; null if it has. */
export function othersThatUse(setting: NormSetting, kind: NormName): string | null {
  const users = normNames.filter((name) => (kinds[name].uses as readonly NormSetting[]).includes(setting));
  return users.includes(kind) ? null : users.join(", ");
}

/** Those entries that are not undefined. */
function given(settings: { momentum?: number | undefined; eps?: number | undefined }): {
  momentum?: number;
  eps?: number;
} {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

/** See {@link NormSettings.groups}. */
function groupsOf(features: number, largest = 32): number {
  let groups = Math.max(1, Math.min(largest, Math.floor(features / 2)));
  while (features % groups !== 0) groups--;
  return groups;
}

/**
 * The norm of a name for layers of so many channels (or features) in axis 1: what the networks built by name are normalised with.
 *
 * Of images, "layer" and "rms" normalise each sample as a whole, with a parameter per channel (Wu & He 2018 compare with that
 * layer norm), so that they take images of any size. Of vectors, "instance" is layer norm, since a channel has one value.
 *
 * @param features - ≥ 1
 * @returns null for "none"
 * @throws ArgumentError if a setting is out of its range
 */
export function normLayer(kind: NormName, features: number, settings: NormSettings = {}): Module | null {
  return kinds[kind].layer(features, settings);
}

/** Whether a norm takes a bias of the layer before it out again. */
export function removesBias(kind: NormName): boolean {
  return kinds[kind].removesBias;
}

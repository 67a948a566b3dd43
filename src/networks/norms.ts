import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { BatchInstanceNorm } from "../nn/norms/batch-instance-norm.js";
import { BatchNorm } from "../nn/norms/batch-norm.js";
import { BatchRenorm } from "../nn/norms/batch-renorm.js";
import { DynamicTanh } from "../nn/norms/dynamic-tanh.js";
import { EvoNorm } from "../nn/norms/evo-norm.js";
import { FilterResponseNorm } from "../nn/norms/filter-response-norm.js";
import { GroupNorm } from "../nn/norms/group-norm.js";
import { InstanceNorm } from "../nn/norms/instance-norm.js";
import { LayerNorm } from "../nn/norms/layer-norm.js";
import { LocalResponseNorm } from "../nn/norms/local-response-norm.js";
import { PixelNorm } from "../nn/norms/pixel-norm.js";
import { RmsNorm } from "../nn/norms/rms-norm.js";
import { ScaleNorm } from "../nn/norms/scale-norm.js";
import { SwitchableNorm } from "../nn/norms/switchable-norm.js";
import { WhiteningBatchNorm } from "../nn/norms/whitening-batch-norm.js";
import { type NormName, normNames } from "./names.js";

/** Numbers of a norm; each kind takes those that it has. */
export interface NormSettings {
  /** Weight of the old running value, as {@link BatchNorm}'s. @defaultValue the layer's own */
  readonly momentum?: number | undefined;
  /** Added to the variance under the root. @defaultValue the layer's own */
  readonly eps?: number | undefined;
  /**
   * Groups of group norm, at most: the largest number up to it that divides the features and leaves 2 or more to a
   * group, else 1.
   * @defaultValue 32
   */
  readonly groups?: number | undefined;
  /** Samples that ghost batch norm normalises together: {@link BatchNorm.virtualBatchSize}. @defaultValue 32 */
  readonly virtualBatchSize?: number | undefined;
  /** Whether x is (N, features) and has no further axes. @defaultValue false */
  readonly vectors?: boolean | undefined;
  /** Whether an activation follows, which some norms have in them. @defaultValue true */
  readonly activated?: boolean | undefined;
}

/** A setting that only some kinds have a use for. */
export type NormSetting = Exclude<keyof NormSettings, "vectors" | "activated">;

interface NormKind {
  /** The settings that it has a use for. */
  readonly uses: readonly NormSetting[];
  /** A norm for so many channels or features in axis 1. */
  readonly layer: (features: number, settings: NormSettings) => Module | null;
  /** Whether a shift of a channel does not reach its output, so that the layer before it needs no bias. */
  readonly removesBias: boolean;
  /** Whether its layer is the activation, too, so that no ReLU follows. @defaultValue false */
  readonly activates?: (settings: NormSettings) => boolean;
  /** What it cannot normalise: what it needs, and what it would be given. @defaultValue nothing */
  readonly refuses?: (settings: NormSettings) => { expected: string; received: string; cure: string } | null;
}

/** What EvoNorm says where no activation stands behind it. */
const alwaysActivates: NormKind["refuses"] = ({ activated = true }) =>
  activated
    ? null
    : {
        expected: "places with an activation behind, since it is one itself",
        received: "one without, such as the end of a residual block",
        cure: "Choose frn, which has none there, or a network without residual blocks.",
      };

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
  lrn: { uses: [], layer: () => new LocalResponseNorm(5), removesBias: false },
  pixel: { uses: ["eps"], layer: (_, { eps }) => new PixelNorm(given({ eps })), removesBias: false },
  scale: {
    uses: ["eps"],
    layer: (features, { eps }) => new ScaleNorm(features, given({ eps })),
    removesBias: false,
    refuses: ({ vectors }) =>
      vectors
        ? null
        : {
            expected: "vectors, since it normalises the last axis",
            received: "images, whose last axis is their width",
            cure: "Choose pixel, which normalises the channels of each position.",
          },
  },
  dyt: {
    uses: [],
    layer: (features, { vectors }) => new DynamicTanh(features, { channelsFirst: !vectors }),
    removesBias: false,
  },
  frn: {
    uses: ["eps"],
    layer: (features, { eps, vectors, activated = true }) =>
      vectors
        ? new RmsNorm(features, given({ eps }))
        : new FilterResponseNorm(features, { ...given({ eps }), thresholded: activated }),
    removesBias: false,
    activates: ({ vectors }) => !vectors,
  },
  "evonorm-b0": {
    uses: ["momentum", "eps"],
    layer: (features, { momentum, eps }) => new EvoNorm(features, given({ momentum, eps })),
    removesBias: false,
    activates: () => true,
    refuses: alwaysActivates,
  },
  "evonorm-s0": {
    uses: ["eps", "groups"],
    layer: (features, { eps, groups }) =>
      new EvoNorm(features, { ...given({ eps }), variant: "S0", groups: groupsOf(features, groups) }),
    removesBias: false,
    activates: () => true,
    refuses: alwaysActivates,
  },
  switchable: {
    uses: ["momentum", "eps"],
    layer: (features, { momentum, eps, vectors }) =>
      vectors
        ? new BatchNorm(features, given({ momentum, eps }))
        : new SwitchableNorm(features, given({ momentum, eps })),
    removesBias: false,
  },
  "batch-instance": {
    uses: ["momentum", "eps"],
    layer: (features, { momentum, eps, vectors }) =>
      vectors
        ? new BatchNorm(features, given({ momentum, eps }))
        : new BatchInstanceNorm(features, given({ momentum, eps })),
    removesBias: true,
  },
  whitening: {
    uses: ["momentum", "eps"],
    layer: (features, { momentum, eps }) => new WhiteningBatchNorm(features, given({ momentum, eps })),
    removesBias: true,
  },
  none: { uses: [], layer: () => null, removesBias: false },
} as const satisfies Readonly<Record<NormName, NormKind>>;

/**
 * What is said of a setting that a norm has no use for: the norms that have one, as messages list them; null if it has.
 */
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
 * The norm of a name for layers of so many channels (or features) in axis 1: what the networks built by name are
 * normalised with.
 *
 * Of images, "layer" and "rms" normalise each sample as a whole, with a parameter per channel (Wu & He 2018 compare
 * with that layer norm), so that they take images of any size. Of vectors, "instance" is layer norm, since a channel
 * has one value; likewise "frn" is RMS norm, and "switchable" and "batch-instance" are batch norm.
 *
 * @param features - ≥ 1
 * @returns null for "none"
 * @throws ArgumentError if a setting is out of its range, or the norm cannot stand there
 */
export function normLayer(kind: NormName, features: number, settings: NormSettings = {}): Module | null {
  const { refuses, layer }: NormKind = kinds[kind];
  const refusal = refuses?.(settings) ?? null;
  if (refusal !== null) throw new ArgumentError({ where: `norm ${kind}`, ...refusal });
  return layer(features, settings);
}

/** Whether the layer of {@link normLayer} is the activation, too. */
export function isActivation(kind: NormName, settings: NormSettings = {}): boolean {
  const { activates }: NormKind = kinds[kind];
  return activates?.(settings) ?? false;
}

/** Whether a norm takes a bias of the layer before it out again. */
export function removesBias(kind: NormName): boolean {
  return kinds[kind].removesBias;
}

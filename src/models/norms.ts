import { BatchNorm } from "../nn/batch-norm.js";
import type { Module } from "../nn/module.js";

/** Numbers of a norm; each kind takes those that it has. */
export interface NormSettings {
  /** Weight of the old running value, as {@link BatchNorm}'s. @defaultValue the layer's own */
  readonly momentum?: number | undefined;
  /** Added to the variance under the root. @defaultValue the layer's own */
  readonly eps?: number | undefined;
}

interface NormKind {
  /** A norm for so many channels or features in axis 1. */
  readonly layer: (features: number, settings: NormSettings) => Module | null;
  /** Whether a shift of a channel does not reach its output, so that the layer before it needs no bias. */
  readonly removesBias: boolean;
}

const kinds = {
  batch: {
    layer: (features, { momentum, eps }) => new BatchNorm(features, given({ momentum, eps })),
    removesBias: true,
  },
  none: { layer: () => null, removesBias: false },
} as const satisfies Readonly<Record<string, NormKind>>;

/** Which normalisation a network built by name has. */
export type NormName = keyof typeof kinds;
/** See {@link NormName}. */
export const normNames = Object.keys(kinds) as readonly NormName[];

/** Those entries that are not undefined. */
function given(settings: NormSettings): { momentum?: number; eps?: number } {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

/**
 * The norm of a name for layers of so many channels (or features) in axis 1: what the networks built by name are normalised with.
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

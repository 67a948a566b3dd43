import { isLayerNode } from "../node.js";
import type { GraphParts } from "../parts.js";
import type { Channels } from "./channels.js";
import type { Choice } from "./choose.js";
import type { Flow } from "./flow.js";

/** Channels that have gone from what a layer gives. */
export interface PrunedChannels {
  /** Its path in the model that was given. */
  readonly layer: string;
  /** Which of its output channels have gone. */
  readonly channels: readonly number[];
  /** How many it had. */
  readonly of: number;
}

/** Channels that are constant, but had to stay. */
export interface ConstantChannels {
  /** What makes them constant: a layer's path, or the name of an op. */
  readonly layer: string;
  /** Which. */
  readonly channels: readonly number[];
  /** Why they stay, as the end of a sentence. */
  readonly reason: string;
}

/** Which channels have gone, and which constant ones have stayed. */
export function reportPruning(
  { inputs, nodes }: GraphParts,
  { cells, values, readers, perChannel }: Flow,
  { isGone, blocked }: Choice,
): { removed: PrunedChannels[]; left: ConstantChannels[] } {
  const outputs = new Map([...readers.map(({ node, output }) => [node, output] as const), ...perChannel]);
  const removed = nodes.flatMap((node): PrunedChannels[] => {
    const own = isLayerNode(node) ? outputs.get(node) : undefined;
    const channels = own?.cells.flatMap((cell, k) => (isGone(cell) ? [k] : [])) ?? [];
    return own === undefined || channels.length === 0 ? [] : [{ layer: node.path, channels, of: own.cells.length }];
  });
  /** The cells that are constant before a node, so that it is not what makes them so. */
  const before = new Set<number>();
  const left: ConstantChannels[] = [];
  for (const [k, node] of nodes.entries()) {
    const value = values[inputs.length + k];
    if (value === null) continue;
    const found = constantIn(value).filter((c) => !isGone(value.cells[c]));
    const reasons = new Map<string, number[]>();
    for (const c of found) {
      const root = cells.rootOf(value.cells[c]);
      if (before.has(root)) continue;
      const reason = cells.reasonOf(root) ?? blocked.get(root) ?? "others are joined to it";
      reasons.set(reason, [...(reasons.get(reason) ?? []), c]);
    }
    for (const c of found) before.add(cells.rootOf(value.cells[c]));
    const layer = isLayerNode(node) ? node.path : node.name;
    for (const [reason, channels] of reasons) left.push({ layer, channels, reason });
  }
  return { removed, left };
}

function constantIn({ constants }: Channels): number[] {
  return [...constants].flatMap((value, c) => (Number.isNaN(value) ? [] : [c]));
}

import type { PrunedModel } from "../../graph/prune/prune-dead-channels.js";
import { formatPairs } from "./table.js";

/** So many channels of a layer are named. */
const mostNamed = 8;

/** Which channels have gone, and which constant ones have stayed. */
export function describePruning({ removed, left, parameters: { before, after } }: PrunedModel): string[] {
  return [
    ...formatPairs([
      ...removed.map(
        ({ layer, channels, of }) => [layer, `without ${named(channels)}: ${channels.length} of ${of}`] as const,
      ),
      ...left.map(
        ({ layer, channels, reason }) => [layer, `constant, but kept, ${named(channels)}: ${reason}`] as const,
      ),
    ]),
    `${after} parameters for ${before}`,
  ];
}

function named(channels: readonly number[]): string {
  const shown = channels.slice(0, mostNamed).join(", ");
  return `${channels.length === 1 ? "channel" : "channels"} ${shown}${channels.length > mostNamed ? ", …" : ""}`;
}

import { ArgumentError } from "../../errors.js";
import { checkCount } from "../../shape.js";

/** Checks the channel counts of a convolution, and that `groups` divides both; returns `groups`. */
export function checkChannelGroups(where: string, inChannels: number, outChannels: number, groups: number): number {
  checkCount(where, "inChannels", inChannels);
  checkCount(where, "outChannels", outChannels);
  checkCount(where, "groups", groups);
  if (inChannels % groups === 0 && outChannels % groups === 0) return groups;
  throw new ArgumentError({
    where,
    expected: "groups to divide both channel counts",
    received: `${groups} groups for ${inChannels} and ${outChannels} channels`,
    cure: "Choose a divisor of both.",
  });
}

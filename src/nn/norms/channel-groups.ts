import { ArgumentError } from "../../errors.js";
import { checkCount } from "../../shape.js";

/** Checks that groups divide the channels of a norm; returns them. @throws ArgumentError if they do not */
export function checkDivides(where: string, groups: number, numFeatures: number): number {
  checkCount(where, "groups", groups);
  if (numFeatures % groups === 0) return groups;
  throw new ArgumentError({
    where,
    expected: "groups to divide numFeatures",
    received: `${groups} groups for ${numFeatures} channels`,
    cure: "Choose a divisor of numFeatures.",
  });
}

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

/** This package's version; saved models hold it. */
export const version = "0.1.0";

/** Whether another version, e.g. of a file's writer, came after this one; what is no version is taken to have. */
export function isNewer(other: string): boolean {
  const [theirs, ours] = [other, version].map((text) => /^(\d+)\.(\d+)\.(\d+)(-.+)?$/.exec(text));
  if (theirs === null || theirs === undefined || ours === null || ours === undefined) return true;
  for (let part = 1; part <= 3; part++) {
    const difference = Number(theirs[part]) - Number(ours[part]);
    if (difference !== 0) return difference > 0;
  }
  // A version comes after its own pre-releases.
  return ours[4] !== undefined && (theirs[4] === undefined || theirs[4] > ours[4]);
}

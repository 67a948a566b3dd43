import type { FoldedNorm, LeftNorm } from "../../graph/fold/fold-batch-norm.js";
import { formatPairs } from "./table.js";

/** What became of each norm, and how many of each. */
export function describeFolding(
  { folded, left }: { readonly folded: readonly FoldedNorm[]; readonly left: readonly LeftNorm[] },
  addition = "",
): string[] {
  return [
    ...formatPairs([
      ...folded.map(({ norm, into }) => [norm, `into ${into}`] as const),
      ...left.map(({ norm, reason }) => [norm, `left: ${reason}`] as const),
    ]),
    `${folded.length} folded, ${left.length} left${addition}`,
  ];
}

/** How far a folded model differs from what it was. */
interface Verification {
  readonly maxAbsolute: number;
  readonly maxRelative: number;
  readonly tolerance: number;
  readonly runs: number;
  readonly onNoise: boolean;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

/** @param engine - what ran both @param addition - to the inputs */
export function describeVerification(
  { maxAbsolute, maxRelative, tolerance, runs, onNoise, shapes }: Verification,
  engine: string,
  addition = "",
): string {
  const inputs = Object.entries(shapes).map(([name, shape]) => `${name} ${shape.join("×")}`);
  return (
    `largest difference in ${engine}: ${maxAbsolute.toPrecision(3)}, relative ${maxRelative.toPrecision(3)} ` +
    `(at most ${tolerance} passes; ${runs === 1 ? "1 run" : `${runs} runs`} on ${onNoise ? "noise" : "the data"}, ${inputs.join(", ")}${addition})`
  );
}

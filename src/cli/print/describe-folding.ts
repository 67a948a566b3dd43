import type { Verification } from "../../formats/foreign/comparison.js";
import type { FoldedNorms } from "../../graph/fold/fold-batch-norm.js";
import { formatPairs } from "./table.js";

/** What became of each norm, and how many of each. */
export function describeFolding({ folded, left }: FoldedNorms, addition = ""): string[] {
  return [
    ...formatPairs([
      ...folded.map(({ norm, into }) => [norm, `into ${into}`] as const),
      ...left.map(({ norm, reason }) => [norm, `left: ${reason}`] as const),
    ]),
    `${folded.length} folded, ${left.length} left${addition}`,
  ];
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

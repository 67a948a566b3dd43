import type { Finding, FindingKind } from "./diagnosis.js";

/** What each finding may be the cause of. */
const effects: Partial<Record<FindingKind, readonly FindingKind[]>> = {
  notFinite: ["gap", "drift", "channelDrift", "skippedBatches", "dead", "scale", "gradient"],
  inputScale: ["gap", "drift", "channelDrift", "dead", "saturated", "scale", "gradient", "smallVariances"],
  neverUpdated: ["gap", "drift", "channelDrift"],
  initialLeft: ["gap", "drift", "channelDrift"],
  noise: ["gap", "drift", "channelDrift", "scale", "gradient"],
};

/** Causes that the advice for an effect would only hide, and what they are called. */
const hidden: Partial<Record<FindingKind, string>> = {
  notFinite: "what is not finite",
  inputScale: "the scale of the inputs",
  noise: "the noise of small batches",
};

/**
 * Findings with causes before what they may explain, else the worst first; where the advice for an effect would hide
 * its cause, it names that.
 */
export function explained(findings: readonly Finding[]): Finding[] {
  const sorted = [...findings].sort((a, b) => b.severity - a.severity);
  const ranked = new Map(sorted.map((finding) => [finding, finding.severity]));
  // The first of each row of causes comes last here, so that it is lifted above those that it lifts.
  for (const cause of [...sorted].reverse()) {
    const worst = sorted.filter(({ kind }) => effects[cause.kind]?.includes(kind)).map((one) => ranked.get(one) ?? 0);
    ranked.set(cause, Math.max(cause.severity, ...worst));
  }
  const isCause = (finding: Finding): number => (effects[finding.kind] === undefined ? 1 : 0);
  return sorted
    .sort((a, b) => (ranked.get(b) ?? 0) - (ranked.get(a) ?? 0) || isCause(a) - isCause(b))
    .map((finding) => {
      const cause = sorted.find(({ kind }) => hidden[kind] !== undefined && effects[kind]?.includes(finding.kind));
      if (cause === undefined) return finding;
      return { ...finding, advice: `First mend ${hidden[cause.kind]}: it may be the cause.` };
    });
}

import type { Finding } from "./diagnosis.js";

/** The worst finding of a kind, and the other layers of which the same is found. */
export interface FindingGroup {
  readonly worst: Finding;
  /** Their paths, the worst first. */
  readonly others: readonly string[];
}

/** More names than these are no help. */
const mostNamed = 6;

/** Findings of one kind as one, so that a fault of all layers is reported once. @param findings - the worst first */
export function groupFindings(findings: readonly Finding[]): FindingGroup[] {
  const groups = new Map<string, { worst: Finding; others: string[] }>();
  for (const finding of findings) {
    const group = groups.get(finding.kind);
    if (group === undefined) groups.set(finding.kind, { worst: finding, others: [] });
    else if (finding.layer !== null) group.others.push(finding.layer);
  }
  return [...groups.values()];
}

/** `running means are off by 0.5 σ …; 2 other layers are no worse: 1, 5` */
export function describeEvidence({ worst, others }: FindingGroup): string {
  if (others.length === 0) return worst.evidence;
  const more = others.length > mostNamed ? ", …" : "";
  if (others.length === 1) return `${worst.evidence}; layer ${others[0]} is no worse`;
  return `${worst.evidence}; ${others.length} other layers are no worse: ${others.slice(0, mostNamed).join(", ")}${more}`;
}

import type { Finding, FindingKind } from "../../diagnostics/diagnose/diagnosis.js";

const curedByRecalibration: ReadonlySet<FindingKind> = new Set([
  ...(["gap", "drift", "channelDrift", "neverUpdated", "initialLeft"] as const),
]);

/**
 * For the findings whose advice is to recalibrate, the command that does so. Where another fault may be the cause, the
 * advice is to mend that first, and there is no command.
 */
export function remedies(findings: readonly Finding[], run: string, data: string): Map<FindingKind, string> {
  const folder = run.replace(/\/+$/, "");
  const output = folder.endsWith(".safetensors")
    ? folder.replace(/\.safetensors$/, "-recalibrated.safetensors")
    : `${folder}-recalibrated`;
  const command = `evenkeel recalibrate ${quoted(run)} --data ${quoted(data)} -o ${quoted(output)}`;
  return new Map(
    findings.flatMap(({ kind, advice }) =>
      curedByRecalibration.has(kind) && advice.startsWith("Recalibrate") ? [[kind, command] as const] : [],
    ),
  );
}

/** As a shell takes it for one argument. */
function quoted(argument: string): string {
  return /^[\w./:@=+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

import type { Finding, FindingKind } from "../../diagnostics/diagnose/diagnosis.js";

const curedByRecalibration: ReadonlySet<FindingKind> = new Set([
  ...(["gap", "drift", "channelDrift", "neverUpdated", "initialLeft"] as const),
]);

/**
 * For the findings whose advice is to recalibrate, the command that does so. Where another fault may be the cause, the
 * advice is to mend that first, and there is no command.
 *
 * @param flags - that say how the data were prepared
 */
export function remedies(
  findings: readonly Finding[],
  run: string,
  data: string,
  flags: readonly string[] = [],
): Map<FindingKind, string> {
  const folder = run.replace(/\/+$/, "");
  const ending = /\.(safetensors|onnx)$/i.exec(folder)?.[0] ?? "";
  const output = `${folder.slice(0, folder.length - ending.length)}-recalibrated${ending}`;
  const words = ["--data", data, ...flags, "-o", output].map(quoted);
  const command = `evenkeel recalibrate ${quoted(run)} ${words.join(" ")}`;
  return new Map(
    findings.flatMap(({ kind, advice }) =>
      curedByRecalibration.has(kind) && advice.startsWith("Recalibrate") ? [[kind, command] as const] : [],
    ),
  );
}

/** As a shell takes it for one argument. */
function quoted(argument: string): string {
  return /^[\w./:@=+,-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

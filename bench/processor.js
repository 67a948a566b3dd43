import { existsSync, readFileSync } from "node:fs";

/** The widest vectors of the processor and its family, as Linux names them; null elsewhere. */
export function readProcessor() {
  if (!existsSync("/proc/cpuinfo")) return null;
  const text = readFileSync("/proc/cpuinfo", "utf8");
  const value = (name) => text.match(new RegExp(`^${name}\\s*: (.*)$`, "m"))?.[1] ?? "unknown";
  const flags = ` ${value("flags")} ${value("Features")} `;
  const vectors = ["avx512f", "avx2", "asimd"].find((flag) => flags.includes(` ${flag} `)) ?? null;
  return { family: value("cpu family"), model: value("model"), vectors };
}

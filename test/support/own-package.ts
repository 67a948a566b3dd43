import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/**
 * Makes `import … from "evenkeel"` work in a folder, as after `npm install`: by a link to this package, or by a copy of
 * its own.
 */
export function installEvenkeel(folder: string, how: "link" | "copy"): void {
  const target = join(folder, "node_modules/evenkeel");
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  if (how === "link") {
    symlinkSync(root, target, "dir");
    return;
  }
  cpSync(join(root, "package.json"), join(target, "package.json"));
  cpSync(join(root, "dist"), join(target, "dist"), { recursive: true });
}

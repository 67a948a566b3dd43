import { join } from "node:path";
import { build } from "vite";

/** The workspace of the page. */
export const playgroundRoot = join(import.meta.dirname, "../../playground");
/** How it is built and served. */
export const playgroundConfig = join(playgroundRoot, "vite.config.ts");

/** Builds the page into a folder. */
export async function buildPlayground(outDir: string): Promise<void> {
  await build({ configFile: playgroundConfig, logLevel: "error", build: { outDir, emptyOutDir: true } });
}

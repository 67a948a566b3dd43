// Bundles what is to be one file: the library as dist/evenkeel.min.js, for a plain <script type="module"> without a
// bundler; and, in its place, the module that draws figures, so that what it draws with need not be installed. Licences
// of others go to dist/pages/NOTICES.md.
import { rmSync } from "node:fs";
import { build } from "vite";

/** @param {string} entry @param {string} outDir @param {string} fileName @param {string | null} notices */
async function bundle(entry, outDir, fileName, notices) {
  await build({
    configFile: false,
    logLevel: "warn",
    build: {
      lib: { entry, formats: ["es"], fileName: () => fileName },
      outDir,
      emptyOutDir: false,
      copyPublicDir: false,
      rolldownOptions: { output: { minify: true } },
      sourcemap: false,
      target: "es2022",
      license: notices === null ? false : { fileName: notices },
    },
  });
}

await bundle("dist/index.js", "dist", "evenkeel.min.js", null);
await bundle("dist/pages/draw-chart.js", "dist/pages", "draw-chart.js", "NOTICES.md");
// It describes what was there before.
rmSync("dist/pages/draw-chart.js.map", { force: true });

// Bundles the library as one minified module, dist/evenkeel.min.js, for a plain <script type="module"> without a bundler.
import { build } from "vite";

await build({
  configFile: false,
  logLevel: "warn",
  build: {
    lib: { entry: "dist/index.js", formats: ["es"], fileName: () => "evenkeel.min.js" },
    outDir: "dist",
    emptyOutDir: false,
    copyPublicDir: false,
    minify: true,
    sourcemap: false,
    target: "es2022",
  },
});

import { defineConfig, type Plugin } from "vite";

/** What the built page may do: run its own files, compile WebAssembly, and nothing else. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Only the built page: in development Vite puts styles into the page itself. */
const contentSecurityPolicy: Plugin = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: policy }, injectTo: "head-prepend" },
  ],
};

/** Isolate the page, so that memory can be shared among threads. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  plugins: [contentSecurityPolicy],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  server: { headers, host: "localhost", port: 4173 },
  preview: { headers, host: "localhost", port: 4173 },
  build: {
    ...{ target: "es2022", modulePreload: { polyfill: false } },
    rolldownOptions: { input: ["index.html", "selftest.html"].map((page) => `${import.meta.dirname}/${page}`) },
  },
});

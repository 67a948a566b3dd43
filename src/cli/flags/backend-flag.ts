import { flag, withDefault } from "./flag.js";
import { oneOf } from "./parsers.js";

/** What a network is computed with; `useBackend` (`../use-backend.js`) puts it in force. */
export const backend = withDefault(
  flag("--backend <name>", {
    group: "Model",
    help: "backend: wasm, cpu, or webgpu for a GPU",
    parse: oneOf(["wasm", "cpu", "webgpu"]),
  }),
  "wasm",
);

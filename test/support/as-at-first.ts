import { onWarning, setBackend } from "evenkeel";

// A file begins as the library does, whatever the one before it in the same process has set.
setBackend("wasm");
onWarning((message) => process.emitWarning(message));

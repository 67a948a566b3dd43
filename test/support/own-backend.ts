import { setBackend } from "evenkeel";

// A file begins with the library's own backend, whatever the one before it in the same process has set.
setBackend("wasm");

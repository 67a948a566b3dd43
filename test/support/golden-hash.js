/**
 * What golden-run.js gives on the wasm backend, in every engine. A change of any kernel's arithmetic changes it, on
 * purpose or not.
 */
export const goldenHash = "c1bee58922df6e7c3dc3789a95104e6970eb01e18c0a50c1de95abb103f208c0";

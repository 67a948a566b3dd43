/**
 * What golden-run.js gives on the wasm backend, in every engine. A change of any kernel's arithmetic changes it, on
 * purpose or not.
 */
export const goldenHash = "9b31e67e4afc2ff475f9b3d42b877996c22d125293ab965ce5aef08b9a448852";

/**
 * What golden-run.js gives on the wasm backend, in every engine. A change of any kernel's arithmetic changes it, on
 * purpose or not.
 */
export const goldenHash = "9cd90b7f21b42a7734878bb11a3e75e54cc0434e7052aa36edc286e842583080";

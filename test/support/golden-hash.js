/**
 * What golden-run.js gives on the wasm backend, in every engine. A change of any kernel's arithmetic changes it, on
 * purpose or not.
 */
export const goldenHash = "f6c940969e83df394ca875b8cd664bd1e891ba8e48f652b761cf923b1dcf26a8";

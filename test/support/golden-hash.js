/**
 * What golden-run.js gives on the wasm backend, in every engine. A change of any kernel's arithmetic changes it, on
 * purpose or not.
 */
export const goldenHash = "56625e2822f3acfd7a602f224a4789b35ac705fb38776e34f1236643c6232ec2";

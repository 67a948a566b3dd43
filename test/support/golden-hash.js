/**
 * What golden-run.js gives on the wasm backend, in every engine. A change of any kernel's arithmetic changes it, on
 * purpose or not.
 */
export const goldenHash = "735f0e33b41a2f431a0424a9b5753c888e520a2b2403f0b15ebb7cfcefe97eeb";

/**
 * What golden-run.js gives on the wasm backend, in every engine. A change of any kernel's arithmetic changes it, on
 * purpose or not.
 */
export const goldenHash = "6b2d91e7711e798a6587a30591513278b1462791983e7a376ff6dcb96382a405";

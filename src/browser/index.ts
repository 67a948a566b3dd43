/**
 * What only browsers can do: keep models and predictions in IndexedDB, and offer them as downloads.
 *
 * @module evenkeel/browser
 */
export { download } from "./download.js";
export { type ByteStorage, indexedDb } from "./indexed-db.js";

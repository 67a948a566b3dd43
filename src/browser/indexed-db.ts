import { StorageError } from "../errors.js";

/** Bytes under names, which outlive the page. */
export interface ByteStorage {
  /**
   * Stores bytes, in the place of those that have the key; whole or not at all.
   *
   * @throws StorageError if there is no room
   */
  save(key: string, bytes: Uint8Array): Promise<void>;
  /** The bytes of a key. @throws StorageError if nothing is stored under it */
  load(key: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Forgets a key, if it is there. */
  delete(key: string): Promise<void>;
  /** What is stored, in the order of the alphabet. */
  keys(): Promise<string[]>;
}

const storeName = "bytes";

/**
 * Storage in a database of this browser, for models (`saveModel`, `loadModel`) and predictions (`writeSafetensors`,
 * `readSafetensors`). Pages and workers of the same origin share it. The browser may clear it when space runs out,
 * unless `navigator.storage.persist()` has been granted.
 *
 * Every method rejects with a {@link StorageError} where there is no IndexedDB, or the browser refuses it.
 *
 * @param name - of the database; others do not see its keys
 * @example
 * ```ts
 * async function train(model: Module) {
 *   const storage = indexedDb("my-app");
 *   await storage.save("digits", saveModel(model));
 *   return loadModel(await storage.load("digits")).model;
 * }
 * ```
 */
export function indexedDb(name = "evenkeel"): ByteStorage {
  const given = name === "evenkeel" ? "" : JSON.stringify(name);
  const at = (method: string): string => `indexedDb(${given}).${method}`;
  return {
    async save(key, bytes) {
      // Of a view its whole buffer would be stored, and shared memory not at all.
      const copy = new Uint8Array(bytes);
      await inStore(name, at("save(key, bytes)"), "readwrite", (store) => store.put(copy, key));
    },
    async load(key) {
      const where = at("load(key)");
      const found = await inStore(name, where, "readonly", (store) => store.get(key));
      if (found instanceof Uint8Array) return new Uint8Array(found);
      const keys = await inStore(name, where, "readonly", (store) => store.getAllKeys());
      const list = keys.slice(0, 10).map((known) => JSON.stringify(known));
      throw new StorageError({
        where,
        expected: list.length === 0 ? "a stored key" : `one of ${list.join(", ")}${keys.length > 10 ? ", …" : ""}`,
        received: JSON.stringify(key),
        cure: "Save bytes under this key first, or ask keys() for those that are stored.",
      });
    },
    async delete(key) {
      await inStore(name, at("delete(key)"), "readwrite", (store) => store.delete(key));
    },
    async keys() {
      return (await inStore(name, at("keys()"), "readonly", (store) => store.getAllKeys())).map(String);
    },
  };
}

/**
 * The result of one request, once it is on disk. Each has a connection of its own, so that none stands in the way of
 * whoever deletes the database.
 */
async function inStore<T>(
  name: string,
  where: string,
  mode: IDBTransactionMode,
  request: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  let database: IDBDatabase | null = null;
  try {
    const opened = await open(name, where);
    database = opened;
    return await new Promise<T>((resolve, reject) => {
      const transaction = opened.transaction(storeName, mode, { durability: "strict" });
      const asked = request(transaction.objectStore(storeName));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = () => reject(transaction.error ?? asked.error);
    });
  } catch (error) {
    throw error instanceof StorageError ? error : refusal(where, error);
  } finally {
    database?.close();
  }
}

function open(name: string, where: string): Promise<IDBDatabase> {
  if (typeof indexedDB === "undefined") {
    throw new StorageError({
      where,
      expected: "a browser with IndexedDB",
      received: "none",
      cure: "Write the bytes with node:fs, or keep them elsewhere.",
    });
  }
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(storeName);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** What a browser's refusals mean, by their names. */
const meanings: Readonly<Record<string, readonly [expected: string, cure: string]>> = {
  QuotaExceededError: ["room for the bytes", "Delete keys that are not needed, or free space on the disk."],
  NotFoundError: ["a database that indexedDb made", "Choose another name: this one belongs to another program."],
  VersionError: ["a database that indexedDb made", "Choose another name: this one belongs to another program."],
  SecurityError: ["permission to store", "Allow the site to store data, and serve it over http or https."],
};

function refusal(where: string, error: unknown): StorageError {
  const { name, message } = error instanceof Error ? error : { name: "an error", message: String(error) };
  const [expected, cure] = meanings[name] ?? ["IndexedDB to work", "Try again, or keep the bytes elsewhere."];
  // Of a full disk Chromium says no more than the name.
  const received = message === "" ? name : `${name}: ${message.replace(/\.$/, "")}`;
  return new StorageError({ where, expected, received, cure }, { cause: error });
}

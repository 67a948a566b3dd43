import { StorageError } from "evenkeel";
import { indexedDb } from "evenkeel/browser";
import { expect, test } from "vitest";

// What a page and a worker do stands in test/slow/browser-storage.test.ts.
test("outside of a browser every method says that there is no IndexedDB", async () => {
  const storage = indexedDb();
  const messages = await Promise.all(
    [
      storage.save("a", new Uint8Array(1)),
      storage.load("a"),
      storage.delete("a"),
      storage.keys(),
      indexedDb("runs").keys(),
    ].map((work) =>
      work.then(String, (error: unknown) => (error instanceof StorageError ? error.message : "another error")),
    ),
  );
  expect(messages).toMatchInlineSnapshot(`
    [
      "indexedDb().save(key, bytes): expected a browser with IndexedDB, got none. Write the bytes with node:fs, or keep them elsewhere.",
      "indexedDb().load(key): expected a browser with IndexedDB, got none. Write the bytes with node:fs, or keep them elsewhere.",
      "indexedDb().delete(key): expected a browser with IndexedDB, got none. Write the bytes with node:fs, or keep them elsewhere.",
      "indexedDb().keys(): expected a browser with IndexedDB, got none. Write the bytes with node:fs, or keep them elsewhere.",
      "indexedDb("runs").keys(): expected a browser with IndexedDB, got none. Write the bytes with node:fs, or keep them elsewhere.",
    ]
  `);
});

import { download } from "evenkeel/browser";
import { expect, test } from "vitest";

// What a page and a worker do stands in test/slow/browser-storage.test.ts.
test("outside of a browser there are no downloads", () => {
  expect(() => download(new Uint8Array(1), "model.safetensors")).toThrowErrorMatchingInlineSnapshot(
    `[StorageError: download(bytes, name): expected a page, got a program without one. Write the file with node:fs.]`,
  );
});

import { StorageError } from "../errors.js";

/**
 * Offers bytes as a download. It works in a page; a worker posts the bytes to its page.
 *
 * A user picks the file again in an `<input type="file">`, whose `files[0]` gives the bytes: `new Uint8Array(await
 * file.arrayBuffer())`.
 *
 * @param bytes - what `saveModel` or `writeSafetensors` gives, or text
 * @param name - of the file, such as `model.safetensors`
 * @throws StorageError outside of a page
 */
export function download(bytes: Uint8Array | string, name: string): void {
  if (typeof document === "undefined") {
    const isWorker = "WorkerGlobalScope" in globalThis;
    throw new StorageError({
      where: "download(bytes, name)",
      expected: "a page",
      received: isWorker ? "a worker" : "a program without one",
      cure: isWorker ? "Post the bytes to the page, and call download there." : "Write the file with node:fs.",
    });
  }
  const part = typeof bytes === "string" ? bytes : new Uint8Array(bytes);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([part], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  // Long enough for the browser to have begun.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

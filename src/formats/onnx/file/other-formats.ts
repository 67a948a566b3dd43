/** How files begin that are passed where an ONNX model is expected. */
const beginnings: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ["a PNG image", [0x89, 0x50, 0x4e, 0x47]],
  ["a JPEG image", [0xff, 0xd8, 0xff]],
  ["a ZIP file, as PyTorch and Keras write", [0x50, 0x4b, 0x03, 0x04]],
  ["a pickle, as PyTorch wrote", [0x80, 0x02, 0x8a]],
  ["a gzip file", [0x1f, 0x8b]],
  ["an HDF5 file, as Keras wrote", [0x89, 0x48, 0x44, 0x46]],
  ["an array of NumPy", [0x93, 0x4e, 0x55, 0x4d]],
  ["a pointer of Git LFS instead of the file: run git lfs pull", [..."version https://git-lfs"].map(codeOf)],
  ["a web page", [..."<!DOCTYPE"].map(codeOf)],
  ["a web page", [..."<html"].map(codeOf)],
];

function codeOf(letter: string): number {
  return letter.charCodeAt(0);
}

/** What else a file is by its first bytes; null if that is not known. */
export function otherFormat(bytes: Uint8Array): string | null {
  return beginnings.find(([, start]) => start.every((byte, k) => bytes[k] === byte))?.[0] ?? null;
}

import { readFile } from "node:fs/promises";
import { ArgumentError, DataError, FormatError, MissingPackageError } from "../errors.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";

/** Options of {@link readImage}. */
export interface ReadImageOptions {
  /** 1: grey, 3: red, green and blue. */
  readonly channels: 1 | 3;
  /** Height and width to bring the image to, or one number for both. @defaultValue the image's own */
  readonly size?: number | readonly [height: number, width: number];
}

/** An image as a network takes it, before preprocessing. */
export interface Image {
  /** Bytes in the order (C, H, W). */
  readonly pixels: Uint8Array;
  /** (channels, height, width) */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** What the file holds, whatever its name says. */
  readonly format: "png" | "jpeg";
}

/** What the name of an image file says that it holds, by its ending in lower case. */
export const imageFormats: Readonly<Record<string, Image["format"]>> = {
  ".png": "png",
  ".jpg": "jpeg",
  ".jpeg": "jpeg",
};

/** 8192 × 8192: a file of a few kilobytes may claim more than memory holds. */
const mostPixels = 2 ** 26;

const signatures = {
  png: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  jpeg: [0xff, 0xd8, 0xff],
} as const;

/**
 * Reads a PNG or JPEG file by the optional package sharp. The content decides which it is, not the name.
 *
 * The image is turned upright by its EXIF orientation, transparency is laid over white, and where `size` is given the
 * whole image is stretched or shrunk to it (nothing is cut off; proportions may change) by sharp's Lanczos kernel of 3
 * lobes. Grey is sharp's luminance: 0.2126 R + 0.7152 G + 0.0722 B in linear light, then gamma-encoded again. 16-bit
 * channels become 8-bit ones.
 *
 * @param path - the file, of at most 2²⁶ pixels
 * @throws MissingPackageError if sharp is not installed
 * @throws DataError if the file cannot be read
 * @throws FormatError if it is not a whole PNG or JPEG image, or too large
 */
export async function readImage(path: string, options: ReadImageOptions): Promise<Image> {
  checkOptions("readImage(path)", options, { channels: true, size: true });
  const { channels, size } = options;
  const where = `readImage(${path})`;
  const target = checkTarget(channels, size);
  const { default: sharp } = await loadSharp(where);
  const bytes = await readBytes(where, path);
  const format = formatOf(where, bytes);
  try {
    let image = sharp(bytes, { failOn: "error", limitInputPixels: mostPixels }).rotate();
    image = image.flatten({ background: "#fff" });
    if (target !== null) image = image.resize({ ...target, fit: "fill", kernel: "lanczos3" });
    image = channels === 1 ? image.greyscale().toColourspace("b-w") : image.toColourspace("srgb");
    const { data, info } = await image.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    return { pixels: channelsFirst(data, channels, info.channels), shape: [channels, info.height, info.width], format };
  } catch (cause) {
    const lines = (cause instanceof Error ? cause.message : String(cause)).split("\n").map((line) => line.trim());
    throw fault(where, [...new Set(lines)].join(" ").replace(/[:\s]+$/, ""), { cause });
  }
}

function checkTarget(
  channels: number,
  size: ReadImageOptions["size"],
): { readonly height: number; readonly width: number } | null {
  if (channels !== 1 && channels !== 3) {
    throw new ArgumentError({
      where: "readImage(path, { channels })",
      expected: "1 (grey) or 3 (red, green, blue)",
      received: String(channels),
      cure: "Pass one of the two.",
    });
  }
  if (size === undefined) return null;
  const [height, width] = typeof size === "number" ? [size, size] : size;
  const where = "readImage(path, { size })";
  return { height: checkCount(where, "height", height), width: checkCount(where, "width", width) };
}

async function loadSharp(where: string): Promise<typeof import("sharp")> {
  try {
    return await import("sharp");
  } catch (cause) {
    throw new MissingPackageError({ where, package: "sharp", purpose: "to read images" }, { cause });
  }
}

async function readBytes(where: string, path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const received = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(
      { where, expected: "a file that can be read", received, cure: "Check the path and its permissions." },
      { cause },
    );
  }
}

function formatOf(where: string, bytes: Uint8Array): Image["format"] {
  if (bytes.length === 0) throw fault(where, "an empty file");
  for (const format of ["png", "jpeg"] as const) {
    if (signatures[format].every((byte, k) => bytes[k] === byte)) return format;
  }
  const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw fault(where, `a file that begins with the bytes ${start}`);
}

function fault(where: string, received: string, options: ErrorOptions = {}): FormatError {
  const expected = `a whole PNG or JPEG image of at most ${mostPixels} pixels`;
  return new FormatError({ where, expected, received, cure: "Replace or remove the file." }, options);
}

/** (H, W, given) → (channels, H, W); a grey image is repeated in every channel. */
function channelsFirst(data: Uint8Array, channels: number, given: number): Uint8Array {
  const plane = data.length / given;
  const pixels = new Uint8Array(channels * plane);
  for (let c = 0; c < channels; c++) {
    const from = Math.min(c, given - 1);
    for (let i = 0; i < plane; i++) pixels[c * plane + i] = data[i * given + from];
  }
  return pixels;
}

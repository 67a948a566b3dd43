import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { extname, join, sep } from "node:path";
import { drawRows } from "../../data/draw-rows.js";
import { DataError, EvenkeelError, FormatError, MissingPackageError, OutOfMemoryError } from "../../errors.js";
import { formatShape, sizeOf } from "../../shape.js";
import { type Image, imageFormats, readImage } from "../image.js";
import { arraySamples, type Samples } from "./samples.js";
import type { ReadAsOptions, Source } from "./source.js";

const partFolders = { train: ["train"], validation: ["validation", "val"], test: ["test"] } as const;

/** Larger images are seldom meant to be learnt from as they are, and a network for them fits no memory. */
const largestSide = 512;
/** How many files are decoded at a time. */
const together = 16;
const mostNamed = 5;

/** An image file and the class whose folder it lies in. */
interface File {
  readonly path: string;
  readonly name: string;
}

/**
 * Reads a folder of class folders of PNG and JPEG images, or one with `train/` and `test/` (and `validation/`, if there
 * is) of that kind. Where no classes are needed, the images may also lie in the folder itself. Pixels stay bytes.
 * Hidden files are passed over.
 *
 * @throws DataError if there are no class folders or no images, or images differ in size and no size is given
 * @throws FormatError naming the files that cannot be read, unless they are to be left out
 * @throws MissingPackageError if sharp is not installed
 */
export async function readImageFolder(folder: string, options: ReadAsOptions): Promise<Source> {
  const folders = foldersIn(folder);
  const found = (names: readonly string[]): string | null => names.find((name) => folders.includes(name)) ?? null;
  const [train, validation, test] = [partFolders.train, partFolders.validation, partFolders.test].map(found);
  if (train === null && test === null) {
    const read = await readFiles(folder, drawn(filesIn(folder, options), options), options);
    const names = read.files.map(({ name }) => name).join("\n");
    const fingerprint = createHash("sha256").update(read.pixels).update(names).digest("hex");
    return { noun: "images", dropped: read.dropped, parts: { all: samplesOf(read), fingerprint } };
  }
  if (train === null || test === null) {
    const missing = train === null ? "train" : "test";
    throw new DataError({
      where: folder,
      expected: "both train and test",
      received: `no folder ${missing}`,
      cure: `Add ${missing}, or name the folder with the class folders.`,
    });
  }
  const parts = [train, test, ...(validation === null ? [] : [validation])].map((part) => join(folder, part));
  // All parts in one go, so that they share size and channels, and every unreadable file is named.
  const { pixels, shape, files, dropped } = await readFiles(
    folder,
    parts.flatMap((part) => drawn(filesIn(part, options), options)),
    options,
  );
  let end = 0;
  const [trainSamples, testSamples, validationSamples = null] = parts.map((part) => {
    const own = files.filter(({ path }) => path.startsWith(join(part, sep)));
    const start = end;
    end += own.length * sizeOf(shape);
    return samplesOf({ pixels: pixels.subarray(start, end), shape, files: own });
  });
  return { noun: "images", dropped, parts: { train: trainSamples, validation: validationSamples, test: testSamples } };
}

function samplesOf({ pixels, shape, files }: Omit<ReadFiles, "dropped">): Samples {
  return arraySamples(pixels, shape, { task: "classification", names: files.map(({ name }) => name) });
}

function visible(names: readonly string[]): string[] {
  return names.filter((name) => !name.startsWith(".") && name !== "Thumbs.db" && name !== "desktop.ini").sort();
}

function foldersIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return visible(entries.filter((entry) => !entry.isFile()).map(({ name }) => name));
}

function drawn(files: readonly File[], { draw }: ReadAsOptions): readonly File[] {
  if (draw === undefined) return files;
  return Array.from(drawRows(files.length, draw.samples, draw.seed), (k) => files[k]);
}

/**
 * The images of each class folder, in the order of their names; those of the folder itself, if it has none and needs
 * none.
 */
function filesIn(folder: string, { hasTargets = true }: ReadAsOptions): File[] {
  const classes = foldersIn(folder);
  if (classes.length === 0) {
    const files = visible(readdirSync(folder));
    if (!hasTargets && files.length > 0) return files.map((file) => ({ path: join(folder, file), name: "" }));
    throw new DataError({
      where: folder,
      expected: hasTargets ? "a folder of images for each class" : "images, or folders of images",
      received:
        files.length === 0
          ? "an empty folder"
          : `${files.length} ${files.length === 1 ? "file" : "files"} and no folder`,
      cure: hasTargets
        ? "Put the images of each class into a folder of its name."
        : "Name a folder of PNG or JPEG images.",
    });
  }
  return classes.flatMap((name) => {
    const paths = visible(readdirSync(join(folder, name)));
    if (paths.length > 0) return paths.map((file) => ({ path: join(folder, name, file), name }));
    throw new DataError({
      where: join(folder, name),
      expected: "images of this class",
      received: "an empty folder",
      cure: "Add some, or remove the folder.",
    });
  });
}

interface ReadFiles {
  readonly pixels: Uint8Array;
  readonly shape: Image["shape"];
  readonly files: readonly File[];
  readonly dropped: number;
}

async function readFiles(folder: string, files: readonly File[], options: ReadAsOptions): Promise<ReadFiles> {
  const { imageSize, skipBadRows = false } = options;
  const channels = options.channels ?? 3;
  let pixels: Uint8Array | null = null;
  let shape: Image["shape"] = [channels, 0, 0];
  const kept: File[] = [];
  const faults: string[] = [];
  for (let start = 0; start < files.length; start += together) {
    const part = files.slice(start, start + together);
    const images = await Promise.all(part.map(({ path }) => attempt(path, channels, imageSize)));
    for (const [k, image] of images.entries()) {
      if (typeof image === "string") {
        faults.push(image);
        continue;
      }
      if (pixels === null) {
        shape = image.shape;
        checkSide(part[k].path, shape, imageSize);
        pixels = makeRoom(folder, files.length * sizeOf(shape));
      }
      if (formatShape(image.shape) !== formatShape(shape)) throw differs(kept[0], shape, part[k], image.shape);
      pixels.set(image.pixels, kept.length * sizeOf(shape));
      kept.push(part[k]);
    }
  }
  if (faults.length > 0 && !(skipBadRows && kept.length > 0)) throw unreadable(folder, faults);
  const all = (pixels ?? new Uint8Array(0)).subarray(0, kept.length * sizeOf(shape));
  const dropped = faults.length;
  const isGrey = options.channels === undefined && !hasColours(all, shape);
  if (!isGrey) return { pixels: all, shape, files: kept, dropped };
  return { pixels: firstPlanes(all, shape), shape: [1, shape[1], shape[2]], files: kept, dropped };
}

/** An image, or what is wrong with its file. */
async function attempt(path: string, channels: 1 | 3, size: ReadAsOptions["imageSize"]): Promise<Image | string> {
  try {
    const image = await readImage(path, size === undefined ? { channels } : { channels, size });
    const promised = imageFormats[extname(path).toLowerCase()] ?? image.format;
    return image.format === promised ? image : `${path} (a ${image.format.toUpperCase()} by its content)`;
  } catch (error) {
    if (!(error instanceof EvenkeelError) || error instanceof MissingPackageError) throw error;
    return `${path} (${error.received})`;
  }
}

function unreadable(folder: string, faults: readonly string[]): FormatError {
  const more = faults.length > mostNamed ? ` and ${faults.length - mostNamed} more` : "";
  return new FormatError({
    where: folder,
    expected: "whole PNG and JPEG images whose names match their format",
    received: `${faults.slice(0, mostNamed).join(", ")}${more}`,
    cure: "Replace, rename or remove them, or leave them out ({ skipBadRows: true }).",
  });
}

function checkSide(path: string, [, height, width]: Image["shape"], size: ReadAsOptions["imageSize"]): void {
  if (size !== undefined || Math.max(height, width) <= largestSide) return;
  throw new DataError({
    where: path,
    expected: `a size for images above ${largestSide} pixels`,
    received: `none, and an image of ${height}×${width}`,
    cure: "Pass one, such as { imageSize: 64 }.",
  });
}

function differs(first: File, shape: Image["shape"], other: File, otherShape: Image["shape"]): DataError {
  return new DataError({
    where: other.path,
    expected: `${shape[1]}×${shape[2]} pixels, as ${first.path} has`,
    received: `${otherShape[1]}×${otherShape[2]}`,
    cure: "Resize all images to one size, such as { imageSize: 32 }.",
  });
}

function makeRoom(folder: string, bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new OutOfMemoryError(
      {
        where: folder,
        expected: "memory for all its pixels",
        received: `${bytes} bytes needed`,
        cure: "Pass a smaller { imageSize }.",
        bytes,
      },
      { cause },
    );
  }
}

function hasColours(pixels: Uint8Array, shape: Image["shape"]): boolean {
  const plane = shape[1] * shape[2];
  for (let start = 0; start < pixels.length; start += 3 * plane) {
    for (let i = start; i < start + plane; i++) {
      if (pixels[i] !== pixels[i + plane] || pixels[i] !== pixels[i + 2 * plane]) return true;
    }
  }
  return false;
}

function firstPlanes(pixels: Uint8Array, shape: Image["shape"]): Uint8Array {
  const plane = shape[1] * shape[2];
  const grey = new Uint8Array(pixels.length / 3);
  for (let start = 0; start < grey.length; start += plane) {
    grey.set(pixels.subarray(3 * start, 3 * start + plane), start);
  }
  return grey;
}

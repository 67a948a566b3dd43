import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readImage } from "evenkeel/node";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/idx-files.js";

let folder = "";
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const red = [255, 0, 0];
const green = [0, 255, 0];
const blue = [0, 0, 255];
const black = [0, 0, 0];

/** Two rows of three: red, green, blue over black, black, red. */
const colours = Uint8Array.from([red, green, blue, black, black, red].flat());

function rgb(pixels = colours, width = 3, height = 2): Sharp {
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

async function put(name: string, image: Sharp): Promise<string> {
  const path = join(folder, name);
  writeFileSync(path, await image.toBuffer());
  return path;
}

/** What an error says, with the folder's name taken out. */
async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "nothing was thrown",
    (error: unknown) => String(error).replaceAll(folder, "FOLDER"),
  );
}

describe("readImage", () => {
  test("gives a PNG's bytes channel by channel", async () => {
    const path = await put("colours.png", rgb().png());
    const { pixels, shape } = await readImage(path, { channels: 3 });
    expect(shape).toEqual([3, 2, 3]);
    expect([...pixels]).toEqual([255, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0]);
  });

  test("makes grey by the luminance of sRGB in linear light, and repeats grey where three channels are asked", async () => {
    const path = await put("grey.png", rgb().png());
    const encoded = [0.2126, 0.7152, 0.0722, 0, 0, 0.2126].map((y) =>
      y === 0 ? 0 : 255 * (1.055 * y ** (1 / 2.4) - 0.055),
    );
    const { pixels, shape } = await readImage(path, { channels: 1 });
    expect(shape).toEqual([1, 2, 3]);
    for (const [k, value] of encoded.entries()) expect(Math.abs(pixels[k] - value)).toBeLessThanOrEqual(1);
    const grey = await put(
      "one.png",
      sharp(Uint8Array.of(10, 20), { raw: { width: 2, height: 1, channels: 1 } }).png(),
    );
    expect([...(await readImage(grey, { channels: 1 })).pixels]).toEqual([10, 20]);
    expect([...(await readImage(grey, { channels: 3 })).pixels]).toEqual([10, 20, 10, 20, 10, 20]);
  });

  test("brings 16-bit channels to 8 bits", async () => {
    const deep = sharp(Uint16Array.of(0, 0, 0, 65535, 65535, 65535), {
      raw: { width: 2, height: 1, channels: 3 },
    }).toColourspace("rgb16");
    const path = await put("deep.png", deep.png());
    expect((await sharp(path).metadata()).depth).toBe("ushort");
    expect([...(await readImage(path, { channels: 3 })).pixels]).toEqual([0, 255, 0, 255, 0, 255]);
  });

  test("lays transparency over white", async () => {
    const pixels = Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 255);
    const path = await put("alpha.png", sharp(pixels, { raw: { width: 2, height: 1, channels: 4 } }).png());
    expect([...(await readImage(path, { channels: 3 })).pixels]).toEqual([255, 0, 255, 0, 255, 0]);
    expect([...(await readImage(path, { channels: 1 })).pixels]).toEqual([255, 0]);
  });

  test("turns an image upright by its EXIF orientation", async () => {
    // Orientation 6: the camera was turned, so that row 0 of the file is the right side of the scene.
    const path = await put("turned.png", rgb().withMetadata({ orientation: 6 }).png());
    expect((await sharp(path).metadata()).orientation).toBe(6);
    const { pixels, shape } = await readImage(path, { channels: 3 });
    expect(shape).toEqual([3, 3, 2]);
    expect([...pixels.subarray(0, 6)]).toEqual([0, 255, 0, 0, 255, 0]);
    expect([...pixels.subarray(6, 12)]).toEqual([0, 0, 0, 255, 0, 0]);
    const resized = await readImage(path, { channels: 3, size: [6, 4] });
    expect(resized.shape).toEqual([3, 6, 4]);
  });

  test("reads a JPEG whatever its name says", async () => {
    const flat = rgb(new Uint8Array(8 * 8 * 3).fill(120), 8, 8);
    const path = await put("in-truth-a-jpeg.png", flat.jpeg());
    const { pixels, shape } = await readImage(path, { channels: 3 });
    expect(shape).toEqual([3, 8, 8]);
    for (const value of pixels) expect(Math.abs(value - 120)).toBeLessThanOrEqual(2);
  });

  test("stretches the whole image to the size, cutting nothing off", async () => {
    // Left half black, right half white, twice as wide as high.
    const halves = Uint8Array.from({ length: 8 * 16 * 3 }, (_, k) => (Math.floor(k / 3) % 16 < 8 ? 0 : 255));
    const path = await put("halves.png", rgb(halves, 16, 8).png());
    const { pixels, shape } = await readImage(path, { channels: 1, size: 8 });
    expect(shape).toEqual([1, 8, 8]);
    for (const column of [0, 1]) expect(pixels[column]).toBeLessThan(10);
    for (const column of [6, 7]) expect(pixels[column]).toBeGreaterThan(245);
    expect((await readImage(path, { channels: 1, size: [4, 6] })).shape).toEqual([1, 4, 6]);
  });

  test("names the file and what is wrong with it", async () => {
    const whole = readFileSync(await put("whole.png", rgb(new Uint8Array(64 * 64 * 3).fill(7), 64, 64).png()));
    const jpeg = await rgb(
      Uint8Array.from({ length: 64 * 64 * 3 }, (_, k) => (k * 7919) % 256),
      64,
      64,
    )
      .jpeg()
      .toBuffer();
    const huge = Buffer.from(whole);
    huge.writeUInt32BE(100_000, 16);
    huge.writeUInt32BE(100_000, 20);
    const files: Record<string, Uint8Array> = {
      "empty.png": new Uint8Array(0),
      "text.png": new TextEncoder().encode("not an image"),
      "short.png": whole.subarray(0, whole.length - 40),
      "short.jpg": jpeg.subarray(0, jpeg.length / 2),
      "header.png": whole.subarray(0, 10),
      "huge.png": huge,
    };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    mkdirSync(join(folder, "folder.png"));
    const answers = [];
    for (const name of [...Object.keys(files), "folder.png", "nowhere.png"]) {
      answers.push(await messageOf(readImage(join(folder, name), { channels: 3 })));
    }
    expect(answers).toMatchInlineSnapshot(`
      [
        "FormatError: readImage(FOLDER/empty.png): expected a whole PNG or JPEG image of at most 67108864 pixels, got an empty file. Replace or remove the file.",
        "FormatError: readImage(FOLDER/text.png): expected a whole PNG or JPEG image of at most 67108864 pixels, got a file that begins with the bytes 6e 6f 74 20. Replace or remove the file.",
        "FormatError: readImage(FOLDER/short.png): expected a whole PNG or JPEG image of at most 67108864 pixels, got vipspng: libpng read error. Replace or remove the file.",
        "FormatError: readImage(FOLDER/short.jpg): expected a whole PNG or JPEG image of at most 67108864 pixels, got VipsJpeg: premature end of JPEG image. Replace or remove the file.",
        "FormatError: readImage(FOLDER/header.png): expected a whole PNG or JPEG image of at most 67108864 pixels, got Input buffer has corrupt header. Replace or remove the file.",
        "FormatError: readImage(FOLDER/huge.png): expected a whole PNG or JPEG image of at most 67108864 pixels, got Input image exceeds pixel limit. Replace or remove the file.",
        "DataError: readImage(FOLDER/folder.png): expected a file that can be read, got EISDIR: illegal operation on a directory, read. Check the path and its permissions.",
        "DataError: readImage(FOLDER/nowhere.png): expected a file that can be read, got ENOENT: no such file or directory, open 'FOLDER/nowhere.png'. Check the path and its permissions.",
      ]
    `);
  });

  test("refuses options that make no image", async () => {
    const answers = [
      await messageOf(readImage("a.png", { channels: 2 as 1 })),
      await messageOf(readImage("a.png", { channels: 1, size: 0 })),
      await messageOf(readImage("a.png", { channels: 1, size: [4, 2.5] })),
    ];
    expect(answers).toMatchInlineSnapshot(`
      [
        "ArgumentError: readImage(path, { channels }): expected 1 (grey) or 3 (red, green, blue), got 2. Pass one of the two.",
        "ArgumentError: readImage(path, { size }): expected height to be a whole number of at least 1, got 0. Correct height.",
        "ArgumentError: readImage(path, { size }): expected width to be a whole number of at least 1, got 2.5. Correct width.",
      ]
    `);
  });

  test("says what to install where sharp is missing, or does not load", () => {
    const read = (fault: string): string => {
      const hook = `export const resolve = (name, context, next) => { if (name === "sharp") throw ${fault}; return next(name, context); };`;
      const script = `
        import { register } from "node:module";
        register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
        const { readImage } = await import("evenkeel/node");
        await readImage("a.png", { channels: 1 }).catch((error) => console.log(error.package, String(error)));
      `;
      return execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }).trim();
    };
    const absent = 'Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" })';
    expect([read(absent), read('new Error("no binary for this system\\nSee the manual")')]).toMatchInlineSnapshot(`
      [
        "sharp MissingPackageError: readImage(a.png): expected the package sharp to read images, got none. Run: npm install sharp.",
        "sharp MissingPackageError: readImage(a.png): expected the package sharp to read images, got one that does not load (no binary for this system). Run: npm install sharp.",
      ]
    `);
  });
});

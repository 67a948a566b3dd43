import { zlibSync } from "fflate";
import { crc32 } from "../train/checkpoint/crc32.js";

/** An image of bytes: grey, or red, green and blue. */
export interface Pixels {
  /** One after another in the order (H, W, channels). */
  readonly values: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

/** An image as a `data:` URL of PNG (ISO/IEC 15948). */
export function pngUrl({ values, width, height, channels }: Pixels): string {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // Eight bits; colour type 0 is grey, 2 is red, green and blue.
  header.set([8, channels === 1 ? 0 : 2], 8);
  const stride = width * channels;
  // Each row begins with its filter: none.
  const rows = new Uint8Array(height * (stride + 1));
  for (let y = 0; y < height; y++) rows.set(values.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const parts = [signature, chunk("IHDR", header), chunk("IDAT", zlibSync(rows)), chunk("IEND", new Uint8Array(0))];
  return `data:image/png;base64,${btoa(parts.map((part) => Array.from(part, (byte) => String.fromCharCode(byte)).join("")).join(""))}`;
}

/** Length, name, content, and the checksum of the last two. */
function chunk(name: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(content.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(content, 8);
  view.setUint32(content.length + 8, Number.parseInt(crc32(bytes.subarray(4, content.length + 8)), 16));
  return bytes;
}

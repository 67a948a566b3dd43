import { maskedCrc32c } from "../../src/formats/tensorboard/crc32c.js";

/** An event, taken apart by the schema of `event.proto` and `summary.proto`. */
export interface ReadEvent {
  wallTime: number;
  step: number;
  fileVersion: string | null;
  scalars: Record<string, number>;
}

type Field = readonly [number: number, value: number | Uint8Array];

/**
 * The events of a file.
 *
 * @throws Error where a frame's checksums are wrong, or a message has a field that no schema knows
 */
export function eventsIn(file: Uint8Array): ReadEvent[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    const data = file.subarray(at + 12, at + 12 + length);
    const checks = [view.getUint32(at + 8, true), view.getUint32(at + 12 + length, true)];
    if (checks[0] !== maskedCrc32c(file.subarray(at, at + 8)) || checks[1] !== maskedCrc32c(data)) {
      throw new Error(`a frame at ${at} with wrong checksums`);
    }
    events.push(eventOf(data));
    at += length + 16;
  }
  return events;
}

function eventOf(data: Uint8Array): ReadEvent {
  const event: ReadEvent = { wallTime: Number.NaN, step: 0, fileVersion: null, scalars: {} };
  for (const [field, value] of fieldsOf(data)) {
    if (field === 1) event.wallTime = value as number;
    else if (field === 2) event.step = value as number;
    else if (field === 3) event.fileVersion = new TextDecoder().decode(value as Uint8Array);
    else if (field === 5) {
      for (const [one, content] of fieldsOf(value as Uint8Array)) {
        if (one !== 1) throw new Error(`field ${one} of a summary`);
        const entry = new Map(fieldsOf(content as Uint8Array));
        event.scalars[new TextDecoder().decode(entry.get(1) as Uint8Array)] = entry.get(2) as number;
      }
    } else throw new Error(`field ${field} of an event`);
  }
  return event;
}

/** The fields of a message of Protocol Buffers. */
function fieldsOf(data: Uint8Array): Field[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = data[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = varint();
    const [field, kind] = [key >>> 3, key & 7];
    if (kind === 0) fields.push([field, varint()]);
    else if (kind === 1 || kind === 5) {
      fields.push([field, kind === 1 ? view.getFloat64(at, true) : view.getFloat32(at, true)]);
      at += kind === 1 ? 8 : 4;
    } else if (kind === 2) {
      const length = varint();
      fields.push([field, data.subarray(at, at + length)]);
      at += length;
    } else throw new Error(`wire type ${kind}`);
  }
  return fields;
}

import { ArgumentError } from "../../errors.js";
import { shown } from "../../shown.js";
import { maskedCrc32c } from "./crc32c.js";

/** An event of a TensorBoard log: numbers by name at a step. */
export interface ScalarEvent {
  /** The step, a whole number ≥ 0. */
  readonly step: number;
  /** When it was, in seconds since 1970. */
  readonly wallTime: number;
  /** Values by tag, such as `train/loss`; null ones are left out. */
  readonly scalars: Readonly<Record<string, number | null>>;
}

/** The record with which every event file begins. @param wallTime - seconds since 1970 */
export function firstEventRecord(wallTime: number): Uint8Array {
  return framed([...double(1, wallTime), ...text(3, "brain.Event:2")]);
}

/**
 * An event as a record of a TensorBoard event file: TFRecord framing (length, its masked CRC-32C, data, theirs) around
 * a message `Event` with a `Summary` of `simple_value`s. Checked against published checksums and the schema;
 * TensorBoard itself was not run.
 *
 * @throws ArgumentError if the step is no whole number ≥ 0
 * @example
 * ```ts
 * const record = eventRecord({ step: 3, wallTime: 0, scalars: { loss: 0.5 } });
 * record.length; // 42
 * ```
 */
export function eventRecord({ step, wallTime, scalars }: ScalarEvent): Uint8Array {
  if (!Number.isSafeInteger(step) || step < 0) {
    const where = "eventRecord({ step, wallTime, scalars })";
    const cure = "Count steps from 0.";
    throw new ArgumentError({ where, expected: "step as a whole number of at least 0", received: shown(step), cure });
  }
  const values = Object.entries(scalars).flatMap(([tag, value]) =>
    value === null ? [] : bytes(1, [...text(1, tag), ...float(2, value)]),
  );
  return framed([...double(1, wallTime), ...varint((2 << 3) | 0), ...varint(step), ...bytes(5, values)]);
}

function framed(data: readonly number[]): Uint8Array {
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(record.subarray(12, 12 + data.length)), true);
  return record;
}

/** A number in Protocol Buffers' base-128 form. */
function varint(value: number): number[] {
  const parts: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...parts, rest];
    parts.push((rest % 128) | 128);
  }
}

function bytes(field: number, content: readonly number[]): number[] {
  return [...varint((field << 3) | 2), ...varint(content.length), ...content];
}

function text(field: number, value: string): number[] {
  return bytes(field, [...new TextEncoder().encode(value)]);
}

function double(field: number, value: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return [...varint((field << 3) | 1), ...new Uint8Array(view.buffer)];
}

function float(field: number, value: number): number[] {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  return [...varint((field << 3) | 5), ...new Uint8Array(view.buffer)];
}

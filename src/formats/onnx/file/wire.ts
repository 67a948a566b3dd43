import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { FormatError } from "../../../errors.js";
import { FileBudget } from "../../file-budget.js";
import { otherFormat } from "./other-formats.js";

/** How deep messages may be nested. */
const deepest = 100;

/**
 * Walks the encoding of a message without making anything of it, so that a damaged or hostile file is refused before it
 * costs memory: every length stays inside its message, nesting is bounded, and so is the number of messages.
 *
 * @throws FormatError naming the byte at which it goes wrong
 */
export function checkWire(where: string, bytes: Uint8Array, schema: DescMessage): void {
  const fault = (received: string): FormatError =>
    new FormatError({
      where,
      expected: "an ONNX model",
      received,
      cure: "Check that the file is a complete .onnx file.",
    });
  if (!(bytes instanceof Uint8Array)) throw fault(Object.prototype.toString.call(bytes).slice(8, -1));
  if (bytes.length === 0) throw fault("an empty file");
  const other = otherFormat(bytes);
  if (other !== null) throw fault(other);
  let at = 0;
  const budget = new FileBudget(where, bytes.length);
  let left = budget.left("parts");

  /** A number of up to 64 bits; exact below 2⁵³, which is all that a length may be. */
  const varint = (end: number): number => {
    let value = 0;
    for (let shift = 1, k = 0; k < 10; k++, shift *= 128) {
      if (at >= end) throw fault(`a file that ends inside a number, at byte ${at}`);
      const byte = bytes[at++];
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
    throw fault(`a number of more than 10 bytes at byte ${at}`);
  };

  const walk = (message: DescMessage, end: number, depth: number): void => {
    if (depth > deepest) throw fault(`messages nested more than ${deepest} deep at byte ${at}`);
    const fields = fieldsOf(message);
    while (at < end) {
      const start = at;
      const tag = varint(end);
      const field = fields.get(Math.floor(tag / 8));
      const wire = tag % 8;
      if (tag < 8) throw fault(`a field of number 0 in ${message.name} at byte ${start}`);
      if (wire === 0) varint(end);
      else if (wire === 1) at += 8;
      else if (wire === 5) at += 4;
      else if (wire === 2) {
        const length = varint(end);
        if (length > end - at) {
          const what = field === undefined ? message.name : `${message.name}.${field.name}`;
          throw fault(`${length} bytes claimed for ${what} at byte ${start}, where ${end - at} are left`);
        }
        if (field?.message != null) walk(field.message, at + length, depth + 1);
        else at += length;
      } else throw fault(`an encoding of kind ${wire} in ${message.name} at byte ${start}`);
      if (at > end) throw fault(`a value in ${message.name} that runs past its end at byte ${end}`);
      const isPlain = field !== undefined && field.message == null && wire !== 2;
      if (!isPlain && --left < 0) throw budget.exceeded("parts");
    }
  };
  walk(schema, bytes.length, 1);
}

const known = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsOf(message: DescMessage): ReadonlyMap<number, DescField> {
  let fields = known.get(message);
  if (fields === undefined) {
    fields = new Map(message.fields.map((field) => [field.number, field]));
    known.set(message, fields);
  }
  return fields;
}

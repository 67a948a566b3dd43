import { FormatError } from "../../../errors.js";
import { printable } from "../../printable.js";
import type { AttributeProto, NodeProto } from "./codec.js";

/** What attributes hold, as AttributeProto.AttributeType numbers it; 0 in files that do not say it. */
const types = { float: 1, int: 2, string: 3, floats: 6, ints: 7 } as const;
const kinds = ["", "a real number", "a whole number", "a text", "a tensor", "a graph", "real numbers", "whole numbers"];

/**
 * An attribute of a node; of one in a function, none where each call says what it is.
 *
 * @throws FormatError if it holds something else than it is read as, or stands there twice
 */
function find(node: NodeProto, name: string, type: keyof typeof types): AttributeProto | undefined {
  let found: AttributeProto | undefined;
  for (const one of node.attribute) {
    if (one.name !== name || one.refAttrName !== "") continue;
    if (found !== undefined) throw fault(node, `one ${name}`, "two");
    found = one;
  }
  const said: number = found?.type ?? 0;
  // Before version 6 Cast names its type by a text.
  if (said === 0 || said === types[type] || name === "to") return found;
  throw fault(node, `${kinds[types[type]]} as ${name}`, kinds[said] ?? `something else (${said})`);
}

function fault(node: NodeProto, expected: string, received: string): FormatError {
  const cure = "Export the model again; onnx.checker names the place.";
  return new FormatError({ where: `ONNX model, ${nodeTitle(node)}`, expected, received, cure });
}

/** A whole number among a node's attributes. */
export function intOf(node: NodeProto, name: string, absent: number): number {
  const found = find(node, name, "int");
  return found === undefined ? absent : Number(found.i);
}

/** A real number among a node's attributes. */
export function floatOf(node: NodeProto, name: string, absent: number): number {
  return find(node, name, "float")?.f ?? absent;
}

/** Whole numbers among a node's attributes; null if there are none. */
export function intsOf(node: NodeProto, name: string): number[] | null {
  return find(node, name, "ints")?.ints.map(Number) ?? null;
}

/** A text among a node's attributes. */
export function textOf(node: NodeProto, name: string, absent: string): string {
  const found = find(node, name, "string");
  return found === undefined ? absent : new TextDecoder().decode(found.s);
}

/** Whether a node belongs to ONNX itself, not to another domain. */
export function isStandard({ domain }: NodeProto): boolean {
  return domain === "" || domain === "ai.onnx";
}

/** Whether a node is one of ONNX's own operators. */
export function isOp(node: NodeProto, ...types: readonly string[]): boolean {
  return isStandard(node) && types.includes(node.opType);
}

/** What a message calls a node: its operator and name, or its first output. */
export function nodeTitle(node: NodeProto): string {
  return `${printable(node.opType)} ${printable(node.name === "" ? (node.output[0] ?? "") : node.name)}`.trim();
}

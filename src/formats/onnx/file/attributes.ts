import { printable } from "../../printable.js";
import type { AttributeProto, NodeProto } from "./codec.js";

function find({ attribute }: NodeProto, name: string): AttributeProto | undefined {
  return attribute.find((one) => one.name === name);
}

/** A whole number among a node's attributes. */
export function intOf(node: NodeProto, name: string, absent: number): number {
  const found = find(node, name);
  return found === undefined ? absent : Number(found.i);
}

/** A real number among a node's attributes. */
export function floatOf(node: NodeProto, name: string, absent: number): number {
  return find(node, name)?.f ?? absent;
}

/** Whole numbers among a node's attributes; null if there are none. */
export function intsOf(node: NodeProto, name: string): number[] | null {
  return find(node, name)?.ints.map(Number) ?? null;
}

/** A text among a node's attributes. */
export function textOf(node: NodeProto, name: string, absent: string): string {
  const found = find(node, name);
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

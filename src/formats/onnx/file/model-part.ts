import { FormatError } from "../../../errors.js";
import { printable } from "../../printable.js";
import { type Codec, type GraphProto, type NodeProto, readBy, type ValueInfoProto } from "./codec.js";

/** Which part of a model is meant, by the names of values of its main graph. */
export interface ModelPart {
  /** The values that it takes. @defaultValue those inputs of the model that the outputs depend on */
  readonly inputs?: readonly string[] | undefined;
  /** The values that it gives. @defaultValue the outputs of the model */
  readonly outputs?: readonly string[] | undefined;
}

/** Sizes of values: numbers, names, or null where one is unknown. */
export type KnownShapes = ReadonlyMap<string, readonly (number | string | null)[]>;

/** So many names are told. */
const mostNames = 8;

/**
 * A model that is a part of another one.
 *
 * @param shapes - of inputs whose shapes the file does not tell
 * @throws FormatError if a name is no value that nodes make or the model takes, or the outputs depend on more than the
 * inputs
 */
export function modelPart(
  codec: Codec,
  where: string,
  bytes: Uint8Array,
  { inputs, outputs }: ModelPart,
  shapes: KnownShapes = new Map(),
): Uint8Array {
  const model = codec.read(where, bytes);
  const { graph } = model;
  if (graph === undefined) return bytes;
  const infos = new Map([...graph.valueInfo, ...graph.output, ...graph.input].map((info) => [info.name, info]));
  const stored = new Set(graph.initializer.map(({ name }) => name));
  const taken = graph.input.filter(({ name }) => !stored.has(name)).map(({ name }) => name);
  const known = new Set([...taken, ...graph.node.flatMap(({ output }) => output)]);
  const wanted = outputs ?? graph.output.map(({ name }) => name);
  checkNames(where, "inputs", inputs ?? [], known);
  checkNames(where, "outputs", wanted, known);
  const cut = new Set(inputs ?? []);
  for (const node of graph.node) node.output = node.output.map((name) => (cut.has(name) ? "" : name));
  const { nodes, read } = neededBy(graph, wanted);
  const used = taken.filter((name) => read.has(name) || wanted.includes(name));
  const missing = inputs === undefined ? [] : used.filter((name) => !cut.has(name));
  if (missing.length > 0) {
    throw new FormatError({
      where,
      expected: "inputs that are all that the outputs depend on",
      received: `outputs that also depend on ${listed(missing)}`,
      cure: "Name what they depend on among the inputs, or outputs that do not.",
    });
  }
  const info = (name: string): ValueInfoProto => infos.get(name) ?? codec.valueInfo(name, 1, shapes.get(name));
  const listedToo = graph.input.filter(({ name }) => stored.has(name));
  graph.input = [...(inputs ?? used).map(info), ...listedToo];
  graph.output = wanted.map(info);
  graph.node = graph.node.filter((node) => nodes.has(node));
  return codec.write(model);
}

/** The nodes that values are computed by, and all values that these read. */
function neededBy(
  graph: GraphProto,
  names: readonly string[],
): { nodes: ReadonlySet<NodeProto>; read: ReadonlySet<string> } {
  const makers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  makers.delete("");
  const nodes = new Set<NodeProto>();
  const read = new Set<string>();
  const waiting = [...names];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const maker = makers.get(name);
    if (maker === undefined || nodes.has(maker)) continue;
    nodes.add(maker);
    for (const input of readBy(maker)) {
      read.add(input);
      waiting.push(input);
    }
  }
  return { nodes, read };
}

function checkNames(where: string, option: string, names: readonly string[], known: ReadonlySet<string>): void {
  const fault = (received: string): FormatError =>
    new FormatError({
      where,
      expected: `${option} to be names of values that nodes make or the model takes, each once`,
      received,
      cure: "Look the names up in the model, for example in Netron.",
    });
  if (names.length === 0 && option === "outputs") throw fault("none");
  const unknown = names.filter((name) => typeof name !== "string" || name === "" || !known.has(name));
  if (unknown.length > 0) throw fault(listed(unknown.map(String)));
  const twice = names.find((name, k) => names.indexOf(name) < k);
  if (twice !== undefined) throw fault(`${listed([twice])} twice`);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).map((name) => JSON.stringify(printable(name)));
  return `${shown.join(", ")}${names.length > mostNames ? ", …" : ""}`;
}

import type { Codec, GraphProto, NodeProto } from "./codec.js";

/**
 * A model with branches of its main graph's Ifs in the place of these.
 *
 * @param decided - the condition of each, by the first value that it makes
 */
export function inlineBranches(
  codec: Codec,
  where: string,
  bytes: Uint8Array,
  decided: ReadonlyMap<string, boolean>,
): Uint8Array {
  const model = codec.read(where, bytes);
  const { graph } = model;
  if (graph === undefined) return bytes;
  graph.node = graph.node.flatMap((node) => {
    const condition = decided.get(node.output[0] ?? "");
    const taken = condition === undefined ? undefined : branchOf(node, condition);
    if (taken === undefined) return [node];
    // Another branch may have values of the same names.
    const own = new Set([...taken.initializer.map(({ name }) => name), ...taken.node.flatMap(({ output }) => output)]);
    own.delete("");
    rename(taken, (name) => (own.has(name) ? `${node.output[0]}/${name}` : name));
    graph.initializer.push(...taken.initializer);
    const ends = node.output.flatMap((name, k) =>
      name === "" ? [] : [codec.node({ opType: "Identity", input: [taken.output[k]?.name ?? ""], output: [name] })],
    );
    return [...taken.node, ...ends];
  });
  return codec.write(model);
}

function branchOf({ attribute }: NodeProto, condition: boolean): GraphProto | undefined {
  return attribute.find(({ name }) => name === (condition ? "then_branch" : "else_branch"))?.g;
}

/** Gives values other names, in graphs inside too. */
function rename(graph: GraphProto, nameOf: (name: string) => string): void {
  for (const named of [...graph.initializer, ...graph.output]) named.name = nameOf(named.name);
  for (const node of graph.node) {
    node.input = node.input.map(nameOf);
    node.output = node.output.map(nameOf);
    for (const { g, graphs } of node.attribute) {
      for (const inner of [...(g === undefined ? [] : [g]), ...graphs]) rename(inner, nameOf);
    }
  }
}

import { normFindings } from "../../../graph/statistics/norm-checks.js";
import { type InspectedNorm, rangesOf } from "../../foreign/inspected-norm.js";
import { printable } from "../../printable.js";
import { isObject, type JsonObject, malformed } from "./json.js";
import type { TfjsModel } from "./tfjs-model.js";
import { weightValues } from "./weights.js";

/** A node of a graph model. */
export interface Node {
  readonly name: string;
  readonly op: string;
  /** Names of the nodes whose outputs it takes, without the numbers of outputs. */
  readonly inputs: readonly string[];
  /** Which output of each of them it takes. */
  readonly places: readonly number[];
  readonly attributes: JsonObject;
  /** The function that it stands in, and a slash; nothing in the main graph. */
  readonly place: string;
  /** The nodes around it, by name. */
  readonly graph: ReadonlyMap<string, Node>;
}

const left = "it is in a graph model, which is inspected only: fold the layers model it was made of";
const parameterInputs = ["weight", "bias", "mean", "variance"];
const fusedNorms = ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"];

/** Every node of a graph model: the main graph's, then those of its functions. */
export function graphNodes({ document }: TfjsModel): Node[] {
  const topology = document["modelTopology"] as JsonObject;
  const library = isObject(topology["library"]) ? topology["library"]["function"] : undefined;
  const functions = (Array.isArray(library) ? library : []).flatMap((one: unknown): [unknown, string][] => {
    const signature = isObject(one) ? one["signature"] : undefined;
    return isObject(one) ? [[one["nodeDef"] ?? [], `${printable(isObject(signature) ? signature["name"] : "")}/`]] : [];
  });
  return [[topology["node"] ?? [], ""] as [unknown, string], ...functions].flatMap(([list, place]) =>
    nodesOf(list, place),
  );
}

function nodesOf(list: unknown, place: string): Node[] {
  const where = "inspectTfjs(files)";
  if (!Array.isArray(list)) throw malformed(where, "a list of nodes", printable(list));
  const graph = new Map<string, Node>();
  for (const node of list as unknown[]) {
    const { name, op, input = [], attr = {} }: JsonObject = isObject(node) ? node : {};
    const isNode = typeof name === "string" && typeof op === "string" && Array.isArray(input) && isObject(attr);
    if (!isNode) throw malformed(where, "nodes with a name and an op", printable(node));
    if (graph.has(name)) throw malformed(where, "a name of its own for each node", `${printable(name)} twice`);
    // ^ marks what must only have run before.
    const taken = input.flatMap((one: unknown) =>
      typeof one === "string" && !one.startsWith("^") ? [one.split(":")] : [],
    );
    const inputs = taken.map(([maker]) => maker);
    const places = taken.map((parts) => (parts.length > 1 ? Number(parts[parts.length - 1]) : 0));
    graph.set(name, { name, op, inputs, places, attributes: attr, place, graph });
  }
  return [...graph.values()];
}

/** Every normalisation of a graph model. */
export function graphNorms(model: TfjsModel): InspectedNorm[] {
  return graphNodes(model).flatMap((node): InspectedNorm[] => {
    if (fusedNorms.includes(node.op)) return [batchNorm(node, parametersOf(model, node, 1))];
    if (node.op === "BatchNormWithGlobalNormalization") {
      // x, mean, variance, bias, weight.
      const [mean, variance, bias, weight] = node.inputs.slice(1, 5);
      return [batchNorm(node, readAll(model, node, { weight, bias, mean, variance }))];
    }
    if (node.op.startsWith("_Fused") && textsOf(node, "fused_ops").includes("FusedBatchNorm")) {
      return [batchNorm(node, parametersOf(model, node, 2))];
    }
    if (node.op === "LRN") return [{ ...plain(node), eps: numberOf(node, "bias") ?? 1 }];
    return node.op === "Rsqrt" ? computedNorm(model, node) : [];
  });
}

function plain(node: Node): InspectedNorm {
  const maker = node.graph.get(node.inputs[0] ?? "");
  const isInput = maker === undefined || maker.op === "Placeholder";
  return {
    kind: printable(node.op),
    place: node.place + printable(node.name),
    input: isInput ? `input ${printable(node.inputs[0] ?? "")}` : `${printable(maker.op)} ${printable(maker.name)}`,
    channels: null,
    eps: null,
    momentum: null,
    mode: null,
    settings: {},
    parameters: {},
    findings: [],
    foldsInto: null,
    leftBecause: left,
  };
}

type Parameters = Readonly<Record<string, Float64Array>>;

function parametersOf(model: TfjsModel, node: Node, first: number): Parameters {
  return readAll(model, node, Object.fromEntries(parameterInputs.map((name, k) => [name, node.inputs[first + k]])));
}

function readAll(model: TfjsModel, node: Node, inputs: Readonly<Record<string, string | undefined>>): Parameters {
  const entries = Object.entries(inputs).flatMap(([name, input]): [string, Float64Array][] => {
    const values = input === undefined ? null : constant(model, node, input);
    return values === null ? [] : [[name, values]];
  });
  return Object.fromEntries(entries);
}

/** The numbers of a node that is constant, seen through Identity. */
function constant(model: TfjsModel, { graph }: Node, name: string): Float64Array | null {
  let node = graph.get(name);
  for (let steps = 0; node !== undefined && node.op === "Identity" && steps < 8; steps++)
    node = graph.get(node.inputs[0] ?? "");
  const slot = node?.op === "Const" ? model.weight(node.name) : null;
  return slot === null ? null : weightValues(slot);
}

function batchNorm(node: Node, parameters: Parameters): InspectedNorm {
  // A graph says eps as a float32.
  const eps = Number((numberOf(node, "epsilon") ?? numberOf(node, "variance_epsilon") ?? 1e-4).toPrecision(7));
  const isTraining = isObject(node.attributes["is_training"]) && node.attributes["is_training"]["b"] === true;
  const training = isTraining ? ["it normalises by the batch (training mode), which TF.js does not do"] : [];
  const { variance, weight } = parameters;
  return {
    ...plain(node),
    kind:
      fusedNorms.includes(node.op) || !node.op.startsWith("_") ? node.op : `FusedBatchNorm in ${printable(node.op)}`,
    channels: (weight ?? variance)?.length ?? null,
    eps,
    mode: isTraining ? "training" : "inference",
    parameters: rangesOf(parameters),
    findings: [...training, ...normFindings({ parameters, eps }, "TF.js")],
  };
}

/** What divides by the root of a variance: 1 / √(mean of squared deviations + eps), taken over some axes. */
function computedNorm(model: TfjsModel, node: Node): InspectedNorm[] {
  const through = (from: Node | undefined, ...ops: string[]): Node[] =>
    (from?.inputs ?? []).flatMap((name) => {
      const maker = from?.graph.get(name);
      return maker !== undefined && ops.includes(maker.op) ? [maker] : [];
    });
  for (const sum of through(node, "Add", "AddV2")) {
    for (const variance of through(sum, "Mean")) {
      const [squares] = through(variance, "SquaredDifference", "Square");
      if (squares === undefined) continue;
      const source = squares.graph.get(squares.inputs[0]);
      const eps = sum.inputs.flatMap((name) => [...(constant(model, node, name) ?? [])]).at(0) ?? null;
      const axes = constant(model, node, variance.inputs[1] ?? "");
      const isRms = squares.op === "Square" && source?.op !== "Sub";
      return [
        {
          ...plain(squares),
          kind: isRms ? "computed RMS norm" : "computed norm (layer, group or instance)",
          place: node.place + printable(node.name),
          eps: eps === null ? null : Number(eps.toPrecision(7)),
          settings: axes === null ? {} : { axes: [...axes] },
          leftBecause: "it takes its statistics from each input",
        },
      ];
    }
  }
  return [];
}

function numberOf({ attributes }: Node, name: string): number | null {
  const value = attributes[name];
  return isObject(value) && typeof value["f"] === "number" ? value["f"] : null;
}

/** Texts of an attribute: base64 in the file. */
export function textsOf({ attributes }: Node, name: string): string[] {
  const value = attributes[name];
  const list = isObject(value) && isObject(value["list"]) ? value["list"]["s"] : undefined;
  return (Array.isArray(list) ? list : []).flatMap((one: unknown) => {
    try {
      return typeof one === "string" ? [atob(one)] : [];
    } catch {
      return [];
    }
  });
}

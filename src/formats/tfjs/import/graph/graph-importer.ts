import { type FileBudget, work } from "../../../file-budget.js";
import { attempted, Refusal, UnknownInput } from "../../../foreign/import-faults.js";
import { printable } from "../../../printable.js";
import { graphNodes, type Node } from "../../model/graph-norms.js";
import { isObject } from "../../model/json.js";
import type { TfjsModel } from "../../model/tfjs-model.js";
import { weightValues } from "../../model/weights.js";
import type { ImportState } from "../step.js";
import type { Value } from "../value.js";
import { GraphStep, isValue, type Made } from "./graph-step.js";
import { graphRows } from "./rows.js";

/** NCHW as the file writes texts. */
const nchw = "TkNIVw==";

/** An output of a graph: its name, the node that makes it, and which of the node's outputs it is. */
interface Output {
  readonly name: string;
  readonly node: string;
  readonly place: number;
}

/** The main graph of a graph model. */
export class GraphImporter {
  readonly faults: Refusal[] = [];
  readonly #model: TfjsModel;
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #made = new Map<string, readonly Made[] | null>();

  constructor(model: TfjsModel) {
    this.#model = model;
    const nodes = graphNodes(model).filter(({ place }) => place === "");
    this.#nodes = new Map(nodes.map((node) => [node.name, node]));
  }

  /** The nodes that the graph is given, in the order of the file. */
  placeholders(): string[] {
    return [...this.#nodes.values()].flatMap(({ name, op }) => (op === "Placeholder" ? [name] : []));
  }

  /** Whether planes have their channels second in the file. */
  get isChannelsFirst(): boolean {
    return [...this.#nodes.values()].some(
      ({ attributes: { data_format: format } }) => isObject(format) && format["s"] === nchw,
    );
  }

  /** The outputs that the signature names; else those of nodes that no other reads. */
  outputs(): Output[] {
    const { document } = this.#model;
    const said = document["userDefinedMetadata"];
    const signature = document["signature"] ?? (isObject(said) ? said["signature"] : undefined);
    const named = isObject(signature) && isObject(signature["outputs"]) ? Object.entries(signature["outputs"]) : [];
    const outputs = named.flatMap(([name, value]): Output[] => {
      const full = isObject(value) && typeof value["name"] === "string" ? value["name"] : name;
      const [node, place = "0"] = full.split(":");
      return this.#nodes.has(node) ? [{ name: printable(name), node, place: Number(place) }] : [];
    });
    if (outputs.length > 0) return outputs;
    const read = new Set([...this.#nodes.values()].flatMap(({ inputs }) => inputs));
    return [...this.#nodes.values()].flatMap(({ name, op }) =>
      read.has(name) || ["Const", "NoOp", "Placeholder"].includes(op)
        ? []
        : [{ name: printable(name), node: name, place: 0 }],
    );
  }

  /** What stands for the outputs; null for those that come from what was refused. */
  values(state: ImportState, inputs: ReadonlyMap<string, Value>, outputs: readonly Output[]): (Value | null)[] {
    for (const { node } of outputs) this.#go(state, inputs, node);
    return outputs.map(({ node, place }) => {
      const made = this.#made.get(node)?.[place];
      return made !== undefined && isValue(made) ? made : null;
    });
  }

  #go(state: ImportState, inputs: ReadonlyMap<string, Value>, output: string): void {
    const stack: [node: Node, next: number][] = [];
    const enter = (name: string): void => {
      const node = this.#nodes.get(name);
      if (node === undefined || this.#made.has(name)) return;
      this.#made.set(name, null);
      stack.push([node, 0]);
    };
    enter(output);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const [node, next] = top;
      if (next < node.inputs.length) {
        top[1]++;
        enter(node.inputs[next]);
        continue;
      }
      stack.pop();
      this.#made.set(node.name, this.#attempt(state, inputs, node));
    }
  }

  #attempt(state: ImportState, inputs: ReadonlyMap<string, Value>, node: Node): readonly Made[] | null {
    try {
      state.budget.spend("work", work.node);
      const input = inputs.get(node.name);
      if (input !== undefined) return [input];
      if (node.op === "Const") return [this.#constant(state.budget, node)];
      const row = Object.hasOwn(graphRows, node.op) ? graphRows[node.op] : undefined;
      const title = `${printable(node.op)} ${printable(node.name)}`;
      if (row === undefined) throw new Refusal(title, "an operator that no layer or op here is");
      const given = node.inputs.map((name, k): Made => {
        const made = this.#made.get(name)?.[node.places[k]];
        if (made === undefined) throw new UnknownInput();
        return made;
      });
      const step = new GraphStep(state, node, given);
      const made = attempted(title, () => row(step));
      return Array.isArray(made) ? (made as readonly Made[]) : [made as Made];
    } catch (fault) {
      if (!(fault instanceof Refusal || fault instanceof UnknownInput)) throw fault;
      if (fault instanceof Refusal) this.faults.push(fault);
      return null;
    }
  }

  #constant(budget: FileBudget, node: Node): Made {
    const slot = this.#model.weight(node.name);
    const title = `Const ${printable(node.name)}`;
    if (slot === null) throw new Refusal(title, "a weight that the file lacks");
    budget.spend("work", work.parameter * slot.bytes.length);
    const data = weightValues(slot);
    if (data === null) throw new Refusal(title, `a weight of ${slot.spec.dtype}`);
    return { shape: slot.spec.shape, data };
  }
}

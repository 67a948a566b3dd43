import { printable } from "../../printable.js";
import { isObject, type JsonObject, malformed } from "./json.js";

/** A layer of a network, as the JSON has it: edits of `config` are edits of the file. */
export interface Layer {
  readonly name: string;
  readonly className: string;
  readonly config: JsonObject;
  readonly container: Container;
}

/** Where a value comes from: [layer, which of its calls, which of its outputs, what else the call is given]. */
export type ValueReference = [string, number, number, ...unknown[]];

/** A value's use: by a call of the layer of this name, or as an output (null). */
interface Use {
  readonly reference: ValueReference;
  readonly reader: string | null;
}

/**
 * A Sequential or Functional network, or one that stands in another as a layer; both are seen as layers called on
 * layers' outputs.
 */
export class Container {
  /** What stands before the names of its layers in lists: the networks around it. */
  readonly place: string;
  readonly isMain: boolean;
  readonly layers = new Map<string, Layer>();
  /** Networks that stand in it as layers, or in a TimeDistributed, by the name of the layer. */
  readonly inner = new Map<string, Container>();
  readonly #isSequential: boolean;
  readonly #list: unknown[];
  readonly #calls = new Map<string, ValueReference[][]>();
  readonly #uses = new Map<string, Use[]>();
  readonly #ends: { readonly inputs: ValueReference[]; readonly outputs: ValueReference[] } = {
    inputs: [],
    outputs: [],
  };
  /** Of networks inside: whether references count the call in which they were built. */
  readonly #countsBuilt = new Map<string, boolean>();
  /** The layer that was read last. */
  #last: string | null = null;

  constructor(where: string, json: JsonObject, place: string, isMain: boolean) {
    this.place = place;
    this.isMain = isMain;
    this.#isSequential = json["class_name"] === "Sequential";
    const { config } = json;
    const list = Array.isArray(config) ? config : isObject(config) ? config["layers"] : undefined;
    if (!Array.isArray(list)) throw malformed(where, "a network with layers", printable(config));
    this.#list = list;
    for (const entry of list) this.#readLayer(where, entry);
    if (!this.#isSequential) {
      for (const [key, side] of [["input_layers", "inputs"] as const, ["output_layers", "outputs"] as const]) {
        const references = isObject(config) ? config[key] : undefined;
        if (!Array.isArray(references)) throw malformed(where, `a list ${key}`, printable(references));
        for (const one of references) {
          const reference = this.#checkReference(where, one);
          this.#ends[side].push(reference);
          if (side === "outputs") this.#use(reference, null);
        }
      }
      this.#readCalls(where);
    }
    this.#checkOrder(where);
  }

  #readLayer(where: string, entry: unknown): void {
    const config = isObject(entry) ? entry["config"] : undefined;
    const className = isObject(entry) ? entry["class_name"] : undefined;
    if (!isObject(entry) || typeof className !== "string" || (!isObject(config) && !Array.isArray(config))) {
      throw malformed(where, "a class_name and a config of each layer", printable(entry));
    }
    const own = isObject(config) ? config["name"] : undefined;
    const name = entry["name"] ?? own ?? `${className}_${this.layers.size}`;
    if (typeof name !== "string" || (own !== undefined && own !== name)) {
      throw malformed(where, "one name of each layer", printable([entry["name"], own]));
    }
    if (this.layers.has(name)) throw malformed(where, "a name of its own for each layer", `${printable(name)} twice`);
    this.layers.set(name, { name, className, config: isObject(config) ? config : {}, container: this });
    const before = this.#last;
    this.#last = name;
    const network = networkOf(entry);
    if (network !== null) {
      this.inner.set(name, new Container(where, network, `${this.place}${printable(name)}/`, false));
    }
    if (!this.#isSequential) return;
    const references: ValueReference[] = before === null ? [] : [[before, 0, 0]];
    this.#calls.set(name, before === null ? [] : [references]);
    for (const reference of references) this.#use(reference, name);
    if (this.layers.size === this.#list.length) this.#use([name, 0, 0], null);
  }

  #readCalls(where: string): void {
    for (const entry of this.#list as JsonObject[]) {
      const layer = this.layers.get(String(entry["name"] ?? (entry["config"] as JsonObject)["name"]));
      const { inbound_nodes: nodes = [] } = entry;
      if (layer === undefined || !Array.isArray(nodes) || !nodes.every(Array.isArray)) {
        const expected = "inbound_nodes as lists of [layer, node, tensor], as TF.js reads them";
        throw malformed(where, expected, printable(Array.isArray(nodes) ? nodes[0] : nodes));
      }
      const calls = nodes.map((call: unknown[]) => call.map((one) => this.#checkReference(where, one)));
      this.#calls.set(layer.name, calls);
      for (const call of calls) for (const reference of this.readBy(call)) this.#use(reference, layer.name);
    }
  }

  #checkReference(where: string, value: unknown): ValueReference {
    const [name, node, tensor]: unknown[] = Array.isArray(value) ? value : [];
    if (typeof name !== "string" || !Number.isSafeInteger(node) || !Number.isSafeInteger(tensor)) {
      throw malformed(where, "references [layer, node, tensor]", printable(value));
    }
    if (!this.layers.has(name)) throw malformed(where, "references to layers of the network", printable(name));
    return value as ValueReference;
  }

  #use(reference: ValueReference, reader: string | null): void {
    const uses = this.#uses.get(reference[0]) ?? [];
    uses.push({ reference, reader });
    this.#uses.set(reference[0], uses);
  }

  /** @throws FormatError if calls wait for each other */
  #checkOrder(where: string): void {
    const key = (name: string, node: number): string => `${node} ${name}`;
    const waiting = new Map<string, number>();
    const next = new Map<string, string[]>();
    for (const name of this.layers.keys()) {
      const calls = this.#calls.get(name) ?? [];
      for (const [node, call] of (calls.length === 0 ? [[]] : calls).entries()) {
        const read = this.readBy(call);
        waiting.set(key(name, node), read.length);
        for (const [before, index] of read) {
          const from = key(before, this.callOf(before, index));
          const after = next.get(from);
          if (after === undefined) next.set(from, [key(name, node)]);
          else after.push(key(name, node));
        }
      }
    }
    const ready = [...waiting].flatMap(([one, count]) => (count === 0 ? [one] : []));
    for (let one = ready.pop(); one !== undefined; one = ready.pop()) {
      waiting.delete(one);
      for (const after of next.get(one) ?? []) {
        const left = (waiting.get(after) ?? 0) - 1;
        waiting.set(after, left);
        if (left === 0) ready.push(after);
      }
    }
    const [stuck] = waiting.keys();
    if (stuck === undefined) return;
    const received = `${printable(stuck.slice(stuck.indexOf(" ") + 1))}, which waits for itself or for nothing`;
    throw malformed(where, "layers that can be called one after another", received);
  }

  /** What a list calls a layer. */
  placeOf({ name }: Layer): string {
    return this.place + printable(name);
  }

  /** Layers that give the inputs of a Functional network; of a Sequential none. */
  get inputs(): readonly ValueReference[] {
    return this.#ends.inputs;
  }

  /** The values that it returns. */
  get outputs(): readonly ValueReference[] {
    if (!this.#isSequential) return this.#ends.outputs;
    return this.#last === null ? [] : [[this.#last, 0, 0]];
  }

  /** What a layer takes in each of its calls; a layer that begins a network has none. */
  argumentsOf({ name }: Layer): readonly (readonly ValueReference[])[] {
    return this.#calls.get(name) ?? [];
  }

  /** What a call takes: its inputs, and the values that its settings name. */
  readBy(call: readonly ValueReference[]): ValueReference[] {
    const settings = call.flatMap(([, , , options]) => (isObject(options) ? Object.values(options) : []));
    const values = settings.flatMap((value) => (Array.isArray(value) && !this.isReference(value) ? value : [value]));
    return [...call, ...values.filter((value) => this.isReference(value))];
  }

  /** Whether a setting of a call names a value of the network. */
  isReference(value: unknown): value is ValueReference {
    if (!Array.isArray(value) || value.length < 3) return false;
    const [name, node, tensor]: unknown[] = value;
    return (
      typeof name === "string" && this.layers.has(name) && Number.isSafeInteger(node) && Number.isSafeInteger(tensor)
    );
  }

  /**
   * Which of a layer's calls a reference means. A network that stands as a layer may count the one in which it was
   * built.
   */
  callOf(name: string, node: number): number {
    if (!this.inner.has(name)) return node;
    let isBuiltCounted = this.#countsBuilt.get(name);
    if (isBuiltCounted === undefined) {
      const count = Math.max(1, this.#calls.get(name)?.length ?? 0);
      isBuiltCounted = (this.#uses.get(name) ?? []).some(({ reference }) => reference[1] >= count);
      this.#countsBuilt.set(name, isBuiltCounted);
    }
    return isBuiltCounted ? Math.max(0, node - 1) : node;
  }

  /** How often a layer is called. */
  callsOf({ name }: Layer): number {
    return Math.max(1, this.#calls.get(name)?.length ?? 0);
  }

  /** Whether a call has a layer work as in training, whatever the network does. */
  isCalledToTrain({ name }: Pick<Layer, "name">): boolean {
    const calls = this.#calls.get(name) ?? [];
    return calls.flat().some(([, , , options]) => isObject(options) && options["training"] === true);
  }

  /** The layer whose output another one takes in its only call; null if it is not one, or not one output. */
  before({ name }: Layer): Layer | null {
    const calls = this.#calls.get(name) ?? [];
    return calls.length === 1 && calls[0].length === 1 ? (this.layers.get(calls[0][0][0]) ?? null) : null;
  }

  /** The layers that take a layer's output, once for each time. */
  readersOf({ name }: Layer): Layer[] {
    return (this.#uses.get(name) ?? []).flatMap(({ reader }) => this.layers.get(reader ?? "") ?? []);
  }

  isOutput({ name }: Layer): boolean {
    return (this.#uses.get(name) ?? []).some(({ reader }) => reader === null);
  }

  /** Takes a layer with one call on one input out; what read its output reads that input. */
  remove(layer: Layer): void {
    const { name, config } = layer;
    const before = this.#calls.get(name)?.[0]?.[0];
    const uses = this.#uses.get(name) ?? [];
    if (before === undefined) {
      // Only the first layer of a Sequential has no reference to its input: it says the input's shape.
      for (const reader of this.readersOf(layer)) {
        this.#calls.set(reader.name, []);
        for (const key of ["batch_input_shape", "batch_shape", "input_dtype"]) {
          if (config[key] !== undefined) reader.config[key] ??= config[key];
        }
      }
    } else {
      const own = this.#uses.get(before[0]) ?? [];
      const others = own.filter(({ reference }) => reference !== before);
      for (const use of uses) use.reference.splice(0, 3, ...before.slice(0, 3));
      this.#uses.set(before[0], [...others, ...uses]);
    }
    this.#uses.delete(name);
    this.#calls.delete(name);
    this.layers.delete(name);
    this.#list.splice(this.#indexOf(name), 1);
  }

  /** Puts a layer that changes nothing in a layer's place, since its name is that of an output. */
  becomeIdentity({ name }: Layer): void {
    const entry = this.#list[this.#indexOf(name)] as JsonObject;
    const config = { name, trainable: false, activation: "linear" };
    Object.assign(entry, { class_name: "Activation", config });
    this.layers.set(name, { name, className: "Activation", config, container: this });
  }

  #indexOf(name: string): number {
    return this.#list.findIndex(
      (entry) => isObject(entry) && (entry["name"] ?? (entry["config"] as JsonObject)["name"]) === name,
    );
  }
}

/** The network that a layer is, or that it applies to each step of a sequence; null of other layers. */
export function networkOf(json: JsonObject): JsonObject | null {
  if (isNetwork(json)) return json;
  const { class_name: className, config } = json;
  const inner = className === "TimeDistributed" && isObject(config) ? config["layer"] : null;
  return isObject(inner) && isNetwork(inner) ? inner : null;
}

/** Whether a layer is a network. */
export function isNetwork(json: JsonObject): boolean {
  return ["Sequential", "Model", "Functional"].includes(String(json["class_name"]));
}

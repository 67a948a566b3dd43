import { ArgumentError } from "../../../errors.js";
import type { AnyModule } from "../../../nn/module.js";
import { type Shape, sameShape, sizeOf } from "../../../shape.js";
import type { Tensor } from "../../../tensor.js";
import { version } from "../../../version.js";
import { FileWriter } from "../../foreign/file-writer.js";
import { type TfjsFiles, writeTfjs } from "../model/files.js";
import { packWeight, type Weight } from "../model/weights.js";
import { TfjsConstant, type TfjsOrder, type TfjsValue } from "./tfjs-value.js";

/** A weight of a layer that is being written. */
export interface TfjsWeight {
  /** Its sizes as TF.js has them. */
  readonly shape: Shape;
  /** Its values, row-major. */
  readonly values: ArrayLike<number>;
}

/** What is said of a layer besides its class, inputs and configuration. */
export interface TfjsLayerOptions {
  /** By TF.js's names: `kernel`, `bias`. @defaultValue none */
  readonly weights?: Readonly<Record<string, TfjsWeight>>;
  /** Sizes of a sample of its output, as Evenkeel has them. @defaultValue those of the first input */
  readonly shape?: Shape;
  /** @defaultValue that of the first input */
  readonly order?: TfjsOrder;
  /** What a second layer of a module is for; it follows the name. @defaultValue none */
  readonly role?: string;
  /** Whether the output is known to hold nothing below 0. @defaultValue false */
  readonly isPositive?: boolean;
}

/** A layer as the file has it; each call has a list of inputs. */
interface LayerEntry {
  readonly class_name: string;
  readonly name: string;
  readonly config: object;
  readonly inbound_nodes: Reference[][];
}

/** [layer, call, output, arguments] */
type Reference = [string, number, number, object];

/** A layer with weights that a module has written, and what must be the same of another call of it. */
interface WrittenLayer {
  readonly entry: LayerEntry;
  readonly likeness: string;
  readonly weights: readonly Weight[];
  /** The visit to its module that has called it last. */
  visit: object;
}

/** Writes a module whose input is `x`; returns its output. */
type WriteModule = (module: AnyModule, x: TfjsValue, graph: TfjsWriter) => TfjsValue;

/** A network of TF.js in the making. Layers are named by the path of the module that is being written. */
export class TfjsWriter extends FileWriter<TfjsValue> {
  readonly #write: WriteModule;
  readonly #sharing: boolean;
  readonly #layers: LayerEntry[] = [];
  readonly #weights: Weight[] = [];
  readonly #written = new Map<AnyModule, WrittenLayer[]>();
  /** The network's first input. */
  #first: TfjsValue | null = null;

  /** @internal @param sharing - whether a module in several places is written once */
  constructor(write: WriteModule, sharing = true) {
    super();
    this.#write = write;
    this.#sharing = sharing;
  }

  protected override write(module: AnyModule, x: TfjsValue): TfjsValue {
    return this.#write(module, x, this);
  }

  /** @internal A tensor of the network itself. */
  override tensor(key: string, t: Tensor): TfjsConstant {
    return new TfjsConstant(key, t);
  }

  /** @internal Says that TF.js has nothing for what is being written. @throws ArgumentError */
  refuse(expected: string, received: string, cure: string): never {
    const place = this.path === "" ? received : `${received} at ${this.path}`;
    throw new ArgumentError({ where: "exportTfjs(model)", expected, received: place, cure });
  }

  /**
   * Adds a layer of TF.js.
   *
   * @param className - `Dense`
   * @param config - its settings, by the names that the file has: `use_bias`
   * @throws ArgumentError if a weight is beyond float32, or an input is a parameter, which layers of TF.js do not take
   */
  layer(
    className: string,
    inputs: readonly TfjsValue[],
    config: Readonly<Record<string, unknown>> = {},
    { weights = {}, shape, order, role, isPositive = false }: TfjsLayerOptions = {},
  ): TfjsValue {
    const base = this.path === "" ? className : this.path;
    const wanted = role === undefined ? base : `${base}_${role}`;
    const fixed = inputs.find((x) => x instanceof TfjsConstant);
    if (fixed !== undefined) {
      this.refuse(
        "parameters and constants inside layers, since layers of TF.js take none as inputs",
        `${fixed.name} as the input of a layer`,
        "Use a layer instead, such as Linear or a norm, or give its class toTfjs(x, graph).",
      );
    }
    const packed = Object.entries(weights).map(([key, weight]) => pack(wanted, key, weight));
    const references = inputs.map(referenceTo);
    const likeness = JSON.stringify([className, config, role, inputs.map((x) => [x.shape.length, x.order])]);
    const visit = this.visit;
    // Layers that one visit writes are different ones, however alike they are.
    const same = this.#ofModule().find(
      (one) => one.likeness === likeness && one.visit !== visit && sameWeights(one.weights, packed),
    );
    const result = { shape: shape ?? inputs[0].shape, order: order ?? inputs[0].order, isPositive };
    if (same !== undefined && visit !== undefined) {
      same.visit = visit;
      const call = same.entry.inbound_nodes.push(references) - 1;
      return { name: same.entry.name, call, ...result };
    }
    const name = this.fresh(wanted);
    const entry = this.#add(className, name, config, [references]);
    for (const { spec, bytes } of packed)
      this.#weights.push({ spec: { ...spec, name: `${name}/${spec.name}` }, bytes });
    if (visit !== undefined && packed.length > 0 && this.#sharing) {
      this.#ofModule().push({ entry, likeness, weights: packed, visit });
    }
    return { name, ...result };
  }

  /** The layers with weights that the module which is being written has by now. */
  #ofModule(): WrittenLayer[] {
    const module = this.visit?.module ?? null;
    if (module === null) return [];
    let own = this.#written.get(module);
    if (own === undefined) {
      own = [];
      this.#written.set(module, own);
    }
    return own;
  }

  /** A value in the order of Evenkeel. */
  here(x: TfjsValue): TfjsValue {
    const { shape, order, isPositive } = x;
    if (order === "here") return x;
    const image = order === "channelsLast" ? shape : order;
    const source = order === "channelsLast" ? x : this.#reshape(x, [...image.slice(1), image[0]]);
    const dims = [image.length, ...image.slice(1).map((_, k) => k + 1)];
    const y = this.layer("Permute", [source], { dims }, { order: "here", role: "channels_first", isPositive });
    return order === "channelsLast" ? y : this.#reshape(y, shape);
  }

  /** A value with its channels behind all other axes. */
  channelsLast(x: TfjsValue): TfjsValue {
    const { shape, order, isPositive } = x;
    if (order === "channelsLast") return x;
    if (shape.length < 2) return this.here(x);
    const dims = [...shape.slice(1).map((_, k) => k + 2), 1];
    return this.layer("Permute", [x], { dims }, { order: "channelsLast", role: "channels_last", isPositive });
  }

  /** The values of a sample in the same order, with other sizes. @param target - as TF.js has them */
  reshape(x: TfjsValue, target: Shape, options: TfjsLayerOptions = {}): TfjsValue {
    const config = { target_shape: target };
    return this.layer("Reshape", [x], config, { role: "reshape", isPositive: x.isPositive, ...options });
  }

  /**
   * Numbers of the network itself as a value: the same for every sample. No layer of TF.js gives such, so that they are
   * the bias of a Dense layer that multiplies the mean of the network's input by 0.
   */
  repeated(values: ArrayLike<number>, shape: Shape): TfjsValue {
    const x = this.#first;
    if (x === null) throw new Error("internal: numbers of a network without inputs");
    const column = this.reshape(x, [sizeOf(x.shape), 1], {
      shape: [sizeOf(x.shape), 1],
      order: "here",
      role: "column",
    });
    const mean = this.layer("GlobalAveragePooling1D", [column], {}, { shape: [1], role: "mean" });
    const weights = {
      kernel: { shape: [1, values.length], values: new Float32Array(values.length) },
      bias: { shape: [values.length], values },
    };
    const config = { units: values.length, activation: "linear", use_bias: true };
    const row = this.layer("Dense", [mean], config, { shape: [values.length], weights });
    return shape.length === 1 ? row : this.reshape(row, shape, { shape });
  }

  #reshape(x: TfjsValue, target: Shape): TfjsValue {
    return this.reshape(x, target, { role: "rows" });
  }

  #add(className: string, name: string, config: object, calls: Reference[][]): LayerEntry {
    const entry = { class_name: className, name, config: { name, ...config }, inbound_nodes: calls };
    this.#layers.push(entry);
    return entry;
  }

  /**
   * @internal The whole files of a network; null where layers are shared such that TF.js would take one call for
   * another.
   *
   * @param write - writes the layers; returns the outputs
   * @param lastOf - whether channels are the last axis of values of a shape that go in or out
   */
  model(
    title: string,
    inputs: readonly { readonly shape: Shape; readonly dtype: "float32" | "int32" }[],
    write: (inputs: readonly TfjsValue[]) => readonly TfjsValue[],
    lastOf: (shape: Shape) => boolean,
    meta: object,
  ): TfjsFiles | null {
    const given = inputs.map(({ shape, dtype }): TfjsValue => {
      const name = this.fresh("input");
      const order = lastOf(shape) ? "channelsLast" : "here";
      const sizes = order === "here" ? shape : [...shape.slice(1), shape[0]];
      this.#add("InputLayer", name, { batch_input_shape: [null, ...sizes], dtype, sparse: false }, []);
      return { name, shape, order, isPositive: false };
    });
    this.#first = given[0];
    // An input itself is no output, and TF.js gives no value twice.
    const taken = new Set(given.map(keyOf));
    const outputs = write(given).map((made) => {
      const ordered = lastOf(made.shape) ? this.channelsLast(made) : this.here(made);
      const needsLayer = ordered instanceof TfjsConstant || taken.has(keyOf(ordered));
      const output = needsLayer ? this.layer("Activation", [ordered], { activation: "linear" }) : ordered;
      taken.add(keyOf(output));
      return output;
    });
    if (!keepsCalls(this.#layers)) return null;
    const config = {
      name: title,
      layers: this.#layers,
      input_layers: given.map(({ name }) => [name, 0, 0]),
      output_layers: outputs.map((output) => referenceTo(output).slice(0, 3)),
    };
    const document = {
      format: "layers-model",
      generatedBy: `evenkeel ${version}`,
      convertedBy: null,
      modelTopology: { class_name: "Model", config, backend: "tensor_flow.js" },
      userDefinedMetadata: meta,
    };
    return writeTfjs({ document, groups: [this.#weights] });
  }
}

function keyOf({ name, call = 0 }: TfjsValue): string {
  return `${name} ${call}`;
}

function referenceTo({ name, call = 0 }: TfjsValue): Reference {
  return [name, call, 0, {}];
}

/** @throws ArgumentError if a weight is beyond float32 */
function pack(layer: string, key: string, { shape, values }: TfjsWeight): Weight {
  const packed = packWeight({ name: key, shape, dtype: "float32" }, Float64Array.from(values));
  if (packed !== null) return packed;
  const expected = `finite numbers within float32 for ${layer}/${key}`;
  throw new ArgumentError({ where: "exportTfjs(model)", expected, received: "others", cure: "Scale them." });
}

function sameWeights(a: readonly Weight[], b: readonly Weight[]): boolean {
  const isSame = (one: Weight, other: Weight | undefined): boolean =>
    other !== undefined &&
    one.spec.name === other.spec.name &&
    sameShape(one.spec.shape, other.spec.shape) &&
    one.bytes.every((byte, i) => byte === other.bytes[i]);
  return a.length === b.length && a.every((weight, k) => isSame(weight, b[k]));
}

/**
 * Whether each call keeps its number when TF.js loads the network: it goes through the list again and again, and makes
 * of each layer all calls whose inputs are there, so that a later one may come first.
 */
function keepsCalls(layers: readonly LayerEntry[]): boolean {
  const made = new Map(layers.map(({ name }) => [name, 0]));
  const inputs = new Set(layers.flatMap(({ name, inbound_nodes: calls }) => (calls.length === 0 ? [name] : [])));
  for (let count = -1, before = -2; count !== before; ) {
    before = count;
    count = 0;
    for (const { name, inbound_nodes: calls } of layers) {
      let isWaiting = false;
      for (let call = made.get(name) ?? 0; call < calls.length; call++) {
        const isReady = calls[call].every(([from, node]) => isMade(from, node));
        if (isReady && isWaiting) return false;
        if (isReady) made.set(name, call + 1);
        else isWaiting = true;
      }
      count += made.get(name) ?? 0;
    }
  }
  return true;

  function isMade(name: string, node: number): boolean {
    // The input has no calls of its own.
    return node < Math.max(made.get(name) ?? 0, inputs.has(name) ? 1 : 0);
  }
}

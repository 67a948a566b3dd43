import { normalizeNetwork } from "../../keras/normalize.js";
import { printable } from "../../printable.js";
import { Container, isNetwork, type Layer } from "./container.js";
import { readTfjs, type TfjsFiles, writeTfjs } from "./files.js";
import { isObject, type JsonObject, malformed } from "./json.js";
import type { TfjsWeightSpec, Weight } from "./weights.js";

/** A weight that may be given other bytes, go, or get others behind it. */
export interface Slot {
  spec: TfjsWeightSpec;
  bytes: Uint8Array;
  isGone: boolean;
  readonly added: Slot[];
}

/** A model of TF.js in memory, a copy that may be edited: the files it was read from never change. */
export class TfjsModel {
  readonly document: JsonObject;
  /** Whether weights that are quantised to whole numbers become float32 where they change. */
  dequantize = false;
  /** The network of a layers model; null of a graph model. */
  readonly main: Container | null;
  readonly #groups: readonly (readonly Slot[])[];
  readonly #byName = new Map<string, Slot>();
  readonly #layerCounts = new Map<string, number>();
  /** The version of Keras that it says it is of. */
  readonly kerasVersion: string | null;
  /** What was brought from the form of Keras 3 into that of TF.js, in words. */
  readonly changes: readonly string[];
  /** Whether weights are named by number, as Keras 3 does: `conv/0`. */
  readonly isNumbered: boolean;

  /** @throws FormatError if the files are damaged or make no sense */
  constructor(where: string, files: TfjsFiles) {
    const { document, groups } = readTfjs(where, files);
    this.document = document;
    this.#groups = groups.map((weights) => weights.map((one) => ({ ...one, isGone: false, added: [] })));
    const topology = document["modelTopology"];
    if (!isObject(topology)) throw malformed(where, "a modelTopology", printable(topology));
    const network = isObject(topology["model_config"]) ? topology["model_config"] : topology;
    const isGraph = document["format"] === "graph-model" || Array.isArray(topology["node"]);
    if (!isGraph && !isNetwork(network)) {
      throw malformed(where, "a Sequential, Functional or graph model", printable(network["class_name"]));
    }
    const { keras_version: version } = topology;
    this.kerasVersion = typeof version === "string" ? version : null;
    this.changes = isGraph ? [] : normalizeNetwork(network);
    this.main = isGraph ? null : new Container(where, network, "", true);
    for (const { layers } of this.containers()) {
      for (const { name } of layers.values()) this.#layerCounts.set(name, (this.#layerCounts.get(name) ?? 0) + 1);
    }
    const weights = this.#groups.flat().filter(({ spec }) => spec.group !== "optimizer");
    this.isNumbered = /\/\d+$/.test(weights[0]?.spec.name ?? "");
    for (const weight of weights) this.#byName.set(weight.spec.name, weight);
    for (const weight of weights) {
      // Keras puts the name of a network or cell before a weight's own name; TF.js reads past it.
      const parts = weight.spec.name.split("/");
      const short = [...parts.slice(0, -2), parts.at(-1)].join("/");
      if (parts.length > 2 && !this.#byName.has(short)) this.#byName.set(short, weight);
    }
  }

  /** Every network, each before those inside it. */
  *containers(): Iterable<Container> {
    const waiting = this.main === null ? [] : [this.main];
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      yield one;
      waiting.push(...[...one.inner.values()].reverse());
    }
  }

  /** Whether a weight's name says which layer has it. */
  isNamedOnce({ name }: Layer): boolean {
    return (this.#layerCounts.get(name) ?? 0) <= 1;
  }

  /** Whether weights are stored in half precision. */
  get hasHalves(): boolean {
    return this.#groups.some((slots) => slots.some(({ spec }) => spec.quantization?.dtype === "float16"));
  }

  /** Every weight but those of an optimiser. */
  slots(): Slot[] {
    return this.#groups.flat().filter(({ spec, isGone }) => spec.group !== "optimizer" && !isGone);
  }

  /** A weight by the name that TF.js gives it. */
  weight(name: string): Slot | null {
    const slot = this.#byName.get(name);
    return slot === undefined || slot.isGone ? null : slot;
  }

  /** The weight of a layer, by what it is for. @param keys - all that the layer has, in order */
  weightOf({ name }: Layer, key: string, keys: readonly string[]): Slot | null {
    return this.weight(`${name}/${this.isNumbered ? keys.indexOf(key) : key}`);
  }

  /** Gives a layer a weight behind another one of its own. */
  add({ name }: Layer, after: Slot, key: string | number, { spec, bytes }: Weight): void {
    const path = after.spec.name.slice(0, after.spec.name.lastIndexOf("/") + 1);
    const slot: Slot = { spec: { ...spec, name: `${path}${key}` }, bytes, isGone: false, added: [] };
    after.added.push(slot);
    for (const prefix of [path, `${name}/`]) this.#byName.set(`${prefix}${key}`, slot);
  }

  /** Files of the model as it is now. */
  write(): TfjsFiles {
    const standing = (slot: Slot): Weight[] => [
      ...(slot.isGone ? [] : [{ spec: slot.spec, bytes: slot.bytes }]),
      ...slot.added.flatMap(standing),
    ];
    return writeTfjs({ document: this.document, groups: this.#groups.map((slots) => slots.flatMap(standing)) });
  }
}

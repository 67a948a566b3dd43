import { tensor } from "../../../create.js";
import type { Argument } from "../../../graph/argument.js";
import type { OpenShape } from "../../../graph/node.js";
import { isRandomDrop } from "../../../nn/dropout.js";
import type { Module } from "../../../nn/module.js";
import { RunningNorm } from "../../../nn/norms/running-norm.js";
import { weightRoles } from "../../keras/weight-roles.js";
import { printable } from "../../printable.js";
import type { Layer } from "../model/container.js";
import type { JsonObject } from "../model/json.js";
import { layerTitle } from "../model/linear-layers.js";
import type { LayerWeights } from "./layer-weights.js";
import type { Numbers } from "./rearranged.js";
import { type ImportState, Step } from "./step.js";
import { channelsLast, type Value } from "./value.js";

/** Weights of no module, by the layer and their role. */
const parameters = new WeakMap<Layer, Map<string, Argument>>();

/** The norms of a module that have running statistics. */
function runningNorms(module: Module | undefined): RunningNorm[] {
  const all = module?.namedModules().map(([, one]) => one) ?? [];
  return all.filter((one) => one instanceof RunningNorm).filter(({ runningMean }) => runningMean !== null);
}

/** By whose rules a file's layers compute where versions differ. */
export type Dialect = "tfjs" | "keras2" | "keras3";

/** What is known while a network of layers is imported. */
export interface LayersState extends ImportState {
  readonly weights: LayerWeights;
  readonly dialect: Dialect;
  /** Whether a call says `training: false`: what it calls works as at inference, in training too. */
  readonly isInference?: boolean;
}

/** A call of a layer that is being imported: what the row of its class reads and adds. */
export class LayerStep extends Step {
  readonly layer: Layer;
  override readonly state: LayersState;
  /** What the layer is called with. */
  readonly inputs: readonly Value[];
  /** What the call says besides, with values where it names some. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly config: JsonObject;

  constructor(
    state: LayersState,
    layer: Layer,
    inputs: readonly Value[],
    options: Readonly<Record<string, unknown>> = {},
    name: string = layer.container.placeOf(layer),
  ) {
    super(state, layer, name, layerTitle(layer));
    this.state = state;
    this.layer = layer;
    this.inputs = inputs;
    this.options = options;
    this.config = layer.config;
  }

  /** The only input. */
  get x(): Value {
    if (this.inputs.length !== 1) throw this.refuse(`${this.inputs.length} inputs`);
    return this.inputs[0];
  }

  /**
   * A module at work that has parameters; of a layer that is not to be trained, they stay, and so do statistics; of one
   * that is called for inference, statistics do.
   *
   * @throws Refusal if one call of a norm is for inference, and another is not
   */
  override module(make: () => Module, x: Argument, role = ""): Argument {
    const isFixed = this.config["trainable"] === false;
    const isFrozen = isFixed || this.state.isInference === true;
    const known = this.state.modules.get(this.layer)?.get(role);
    if (runningNorms(known).some(({ frozen }) => frozen !== isFrozen))
      throw this.refuse("calls with training: false and without");
    return super.module(
      () => {
        const made = make();
        if (isFixed) for (const t of made.parameters()) t.requiresGrad = false;
        if (isFrozen) for (const norm of runningNorms(made)) norm.freeze();
        return made;
      },
      x,
      role,
    );
  }

  /** A module at work that has no parameters; a call for inference drops nothing, in training neither. */
  override apply(make: () => Module, x: Argument, role = ""): Argument {
    if (this.state.isInference === true && isRandomDrop(make())) return x;
    return super.apply(make, x, role);
  }

  /** A weight of no module: the same in every call of the layer. */
  parameterOnce(role: string, { shape, data }: Numbers): Argument {
    const own = parameters.get(this.layer) ?? new Map<string, Argument>();
    parameters.set(this.layer, own);
    const t = tensor(data, [...shape]);
    const made = own.get(role) ?? this.state.builder.parameter(`${this.name}/${role}`, t);
    if (this.config["trainable"] === false) t.requiresGrad = false;
    own.set(role, made);
    return made;
  }

  /** Where this layer has the channels of planes. */
  get isChannelsFirst(): boolean {
    return this.config["data_format"] === "channels_first";
  }

  /** @throws Refusal if x has another rank */
  checkRank(rank: number): void {
    if (this.x.shape.length !== rank)
      throw this.refuse(`an input of rank ${this.x.shape.length}, where ${rank} belong`);
  }

  /** x with the channels of planes second, whatever their order in the file. */
  planes(x: Value = this.x): Argument {
    return this.isChannelsFirst ? this.keras(x) : this.first(x);
  }

  /** What {@link LayerStep.planes} became. @param shape - its sizes here, where no rule knows them */
  asPlanes(ref: Argument, shape?: OpenShape): Value {
    const here = this.shapeOf(ref, shape);
    return this.isChannelsFirst
      ? { ref, shape: here, order: "keras" }
      : { ref, shape: channelsLast(here), order: here.length > 2 ? "first" : "keras" };
  }

  /** A weight by its role, or by the other name that some versions give it. @throws Refusal if the file lacks it */
  weight(role: string, alias?: string): Numbers {
    const { weights } = this.state;
    const keys = weightRoles(this.layer.className, this.config);
    const found = weights.get(this.layer, role, keys);
    if (typeof found !== "string") return found;
    const other = alias === undefined ? found : weights.get(this.layer, alias, keys);
    if (typeof other !== "string") return other;
    throw this.refuse(`a weight ${role} ${found}`);
  }

  /** The bias, as many numbers as a kernel has outputs; null where the layer has none. */
  bias(outputs: number): Float64Array | null {
    if (!this.flag("use_bias", true)) return null;
    return this.vector("bias", outputs);
  }

  /** A weight of one axis. */
  vector(role: string, size: number): Float64Array {
    const { shape, data } = this.weight(role);
    if (shape.length === 1 && shape[0] === size) return data;
    throw this.refuse(`a weight ${role} of ${shape.join("×") || "no"} values, where ${size} belong`);
  }

  /** A number of the configuration. */
  number(key: string, absent: number): number {
    const value = this.config[key] ?? absent;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw this.refuse(`${key} ${printable(value)}`);
  }

  /** A switch of the configuration. */
  flag(key: string, absent: boolean): boolean {
    const value = this.config[key] ?? absent;
    if (typeof value === "boolean") return value;
    throw this.refuse(`${key} ${printable(value)}`);
  }

  text(key: string, absent: string): string {
    const value = this.config[key] ?? absent;
    if (typeof value === "string") return value;
    throw this.refuse(`${key} ${printable(value)}`);
  }

  /** As many whole numbers as there are axes; one is that of all. */
  sizes(key: string, axes: number, absent: number | readonly number[] = 1): number[] {
    const value = this.config[key] ?? absent;
    const list: unknown[] = Array.isArray(value) ? value : new Array(axes).fill(value);
    if (list.length === axes && list.every((one) => Number.isSafeInteger(one) && Number(one) >= 0))
      return list.map(Number);
    throw this.refuse(`${key} ${printable(value)}`);
  }

  /** Axes of the input, counted from 0. */
  axes(key: string, absent: number): number[] {
    const value = this.config[key] ?? absent;
    const rank = this.inputs[0].shape.length;
    return (Array.isArray(value) ? value : [value]).map((axis: unknown) => {
      const resolved = typeof axis === "number" && axis < 0 ? axis + rank : Number(axis);
      if (Number.isInteger(resolved) && resolved >= 0 && resolved < rank) return resolved;
      throw this.refuse(`${key} ${printable(value)} of a value of rank ${rank}`);
    });
  }

  /** How many features x has along its last axis; along that of channels in the file's order. */
  features(): number {
    const { shape } = this.x;
    const size = this.isChannelsFirst ? shape[1] : shape[shape.length - 1];
    if (typeof size === "number") return size;
    throw this.refuse("an input whose number of features is not known");
  }

  /** @throws Refusal if the input has another number of features than a weight has rows */
  checkFeatures(expected: number): void {
    const { shape } = this.x;
    const size = this.isChannelsFirst ? shape[1] : shape[shape.length - 1];
    if (typeof size === "number" && size !== expected)
      throw this.refuse(`an input of ${size} features with weights for ${expected}`);
  }
}

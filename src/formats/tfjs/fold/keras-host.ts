import type { Host, Passing, Side } from "../../../graph/fold/host.js";
import { unflattened } from "../../../graph/fold/linear-map.js";
import type { ChannelMap } from "../../../nn/layer-traits.js";
import { printable } from "../../printable.js";
import { layerMapOf, normWeights } from "../model/batch-norm-layer.js";
import type { Container, Layer } from "../model/container.js";
import { channelAxisOf, isChannelsFirst, passageOf } from "../model/layer-kinds.js";
import { isLinear, type LinearLayer, layerTitle, linearLayer, writeLinearLayer } from "../model/linear-layers.js";
import { isBatchNorm } from "../model/norm-classes.js";
import type { TfjsModel } from "../model/tfjs-model.js";

/** The networks of a layers model as a host: edits of their layers, nothing else. */
export class KerasHost implements Host<Layer, LinearLayer> {
  readonly norms: readonly Layer[];
  readonly mostPassed = 32;
  readonly #model: TfjsModel;
  /** Networks that are called to work as in training. */
  readonly #training = new Set<Container>();

  constructor(model: TfjsModel) {
    this.#model = model;
    for (const container of model.containers()) {
      for (const [name, inner] of container.inner) {
        if (this.#trains({ name, container })) this.#training.add(inner);
      }
    }
    this.norms = [...model.containers()]
      .flatMap(({ layers }) => [...layers.values()])
      .filter((one) => isBatchNorm(one.className));
  }

  #trains({ name, container }: Pick<Layer, "name" | "container">): boolean {
    return this.#training.has(container) || container.isCalledToTrain({ name });
  }

  titleOf(layer: Layer): string {
    return layerTitle(layer);
  }

  standing(layer: Layer, side: Side): string {
    return `${layerTitle(layer)} stands ${side === "before" ? "before" : "after"} it`;
  }

  mapOf(norm: Layer): ChannelMap | string {
    const calls = norm.container.callsOf(norm);
    if (calls > 1) return `it is shared: it is called ${calls} times`;
    if (this.#trains(norm)) return "it is called with training: true, and normalises by the batch";
    if (channelAxisOf(norm) === null)
      return `its axis ${JSON.stringify(norm.config["axis"])} is not known to be that of channels`;
    return layerMapOf(this.#model, norm);
  }

  before(layer: Layer): Layer | null {
    const maker = layer.container.before(layer);
    return maker?.className === "InputLayer" ? null : maker;
  }

  behind(layer: Layer, what: string): Layer | string {
    const { container } = layer;
    const calls = container.callsOf(layer);
    if (calls > 1) return `${layerTitle(layer)} is shared: it is called ${calls} times`;
    if (container.isOutput(layer))
      return `${what} is an output of the ${container.isMain ? "model" : `network ${container.place.slice(0, -1)}`}`;
    const readers = container.readersOf(layer);
    if (readers.length === 1) return readers[0];
    return readers.length === 0 ? `nothing reads ${what}` : `${what} is read elsewhere too`;
  }

  pass(layer: Layer, { norm, side, map }: Passing<Layer>): ChannelMap | null {
    const passage = passageOf(layer);
    if (passage === "identity") return this.#trains(layer) ? null : map;
    return passage !== null && channelAxisOf(norm) === "last" && (passage === "average" || side === "behind")
      ? map
      : null;
  }

  canTake(layer: Layer, side: Side): boolean {
    return isLinear(layer) || (side === "before" && isBatchNorm(layer.className));
  }

  linearOf(layer: Layer, { norm, side, map, passed }: Passing<Layer>): LinearLayer | string {
    const isFlat = side === "behind" && passed.some((one) => passageOf(one) === "flatten");
    if (isFlat && layer.className !== "Dense") return this.standing(layer, side);
    const title = layerTitle(layer);
    if (axisOf(layer) !== channelAxisOf(norm)) return `${title} has its channels along another axis`;
    const { activation = "linear" } = layer.config;
    if (side === "before" && activation !== "linear" && activation !== null)
      return `${title} carries its activation ${printable(activation)} before it`;
    const linear = linearLayer(this.#model, layer);
    return typeof linear === "string" || !isFlat ? linear : unflattened(linear, map.scale.length, "last");
  }

  take(layer: Layer, linear: LinearLayer): string | null {
    return writeLinearLayer(this.#model, layer, linear);
  }

  replace({ norm }: Passing<Layer>): void {
    const { container } = norm;
    this.#dropWeights(norm);
    if (container.isMain && container.isOutput(norm)) container.becomeIdentity(norm);
    else container.remove(norm);
  }

  remove({ norm }: Passing<Layer>): void {
    this.#dropWeights(norm);
    norm.container.remove(norm);
  }

  #dropWeights(norm: Layer): void {
    for (const slot of Object.values(normWeights(this.#model, norm))) if (slot !== null) slot.isGone = true;
  }
}

/** Where a layer has its channels. */
function axisOf(layer: Layer): "last" | "first" | null {
  if (isBatchNorm(layer.className)) return channelAxisOf(layer);
  return isChannelsFirst(layer.config) ? "first" : "last";
}

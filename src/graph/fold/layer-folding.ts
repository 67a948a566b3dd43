import type { AffineLayer, AffineWeights } from "../../nn/affine-weights.js";
import type { ChannelMap } from "../../nn/layer-traits.js";
import type { AnyModule } from "../../nn/module.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { Weighted } from "../../nn/reparametrized/weighted.js";
import { type LinearMap, unflattened } from "./linear-map.js";

/** What folding needs of layers, whatever joins them. It changes nothing itself, but notes what is to be changed. */
export class LayerFolding {
  /** New weights of layers that have taken norms in. */
  readonly changed = new Map<AffineLayer, AffineWeights>();

  /** The map that a norm is; a text says why it is none that is fixed. */
  mapOf(norm: AnyModule): ChannelMap | string {
    if (!(norm instanceof RunningNorm) || norm.runningVar === null) return "it has no running statistics";
    if (norm.normalizeWith === "batch") return "it normalises with the statistics of each batch";
    const map = norm.channelMap();
    if (map === null) return "it has a forward pass of its own";
    if (norm.updateRunning) return "its running statistics are being updated";
    const stray = norm.runningVar.dataSync().findIndex((variance) => !(variance + norm.eps > 0));
    if (stray >= 0) return `variance + eps is not above 0 in channel ${stray}`;
    const bad = map.shift.findIndex((shift, c) => !Number.isFinite(shift + map.scale[c]));
    return bad >= 0 ? `its statistics, weight and bias are not all finite in channel ${bad}` : map;
  }

  /**
   * A layer with a weight, in numbers.
   *
   * @param channels - of the planes that it is given flattened; null where it is not
   */
  linearOf(layer: AnyModule, standing: string, channels: number | null): LinearMap {
    const { weight, bias, inputs, outputOf, inputOf } =
      this.changed.get(layer as AffineLayer) ?? (layer as AffineLayer).affineWeights();
    const outputs = bias.length;
    const edge = edgeOf(layer);
    const linear: LinearMap = {
      ...{ kernels: [{ values: weight, outputs, outputOf, inputOf }], bias, inputs, outputs },
      edge: edge === null ? null : `${standing}, ${edge}`,
    };
    return channels === null ? linear : unflattened(linear, channels, "first");
  }

  /** Gives a layer other numbers; a text says why they do not fit. */
  take(layer: AnyModule, { kernels: [{ values }], bias }: LinearMap): string | null {
    const affine = layer as AffineLayer;
    const weights = { ...affine.affineWeights(), weight: values, ...(bias === null ? {} : { bias }) };
    const fits = (value: number): boolean => Number.isFinite(Math.fround(value));
    if (!weights.weight.every(fits) || !weights.bias.every(fits))
      return `the weights of ${layer} would leave the range of float32`;
    this.changed.set(affine, weights);
    return null;
  }

  /** Gives the copies of layers the weights that were noted. */
  apply(copies: ReadonlyMap<AnyModule, AnyModule>): void {
    for (const [layer, weights] of this.changed) (copies.get(layer) as AffineLayer).setAffineWeights(weights);
  }
}

/** Whether a layer applies its own weight, as its class does. */
export function isWeighted(layer: AnyModule): boolean {
  return layer instanceof Weighted && layer.constructorArguments() !== null;
}

/** Why a shift of the inputs of a layer is not one of all its outputs; null where it is. */
export function edgeOf(layer: AnyModule): string | null {
  if ("outputPadding" in layer) return "whose outputs see different numbers of inputs";
  // "same" pads wherever a kernel has more than one tap.
  const widths = "padding" in layer ? [layer.padding].flat(2) : [];
  const taps = layer instanceof Weighted ? layer.weight.shape.slice(2) : [];
  const isPadded = widths.some((width) => (width === "same" ? taps.some((tap) => tap > 1) : Number(width) > 0));
  return isPadded ? "whose padding would be shifted too" : null;
}

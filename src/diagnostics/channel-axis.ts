import type { ChannelAxis } from "../nn/layer-traits.js";
import type { AnyModule } from "../nn/module.js";
import { sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { ChannelView } from "./summary.js";

/**
 * Where each module's input and output have their channels. Of rank 3 it is not told by the shape: what has no channels of its own goes by the
 * layer that stands before it.
 */
export function channelAxes(model: AnyModule): Map<AnyModule, ChannelAxis> {
  const axes = new Map<AnyModule, ChannelAxis>();
  let current: ChannelAxis = "second";
  for (const [, module] of model.namedModules()) {
    const own = module.channelAxis;
    if (own !== null) current = own === "second" ? "second" : "last";
    axes.set(module, own ?? current);
  }
  return axes;
}

/** A tensor as (outer, channels, inner). */
export function channelsOf(x: Tensor, axis: ChannelAxis): ChannelView {
  const [outer = 1, kept = 1, ...rest] = x.shape;
  if (axis === "second" || (axis === "last" && x.rank > 3)) return { outer, kept, inner: sizeOf(rest) };
  const channels = axis === "last" ? (x.shape[x.rank - 1] ?? 1) : axis;
  return { outer: channels === 0 ? 0 : x.size / channels, kept: channels, inner: 1 };
}

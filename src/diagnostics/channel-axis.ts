import { Conv1d } from "../nn/conv1d.js";
import { Linear } from "../nn/linear.js";
import type { AnyModule } from "../nn/module.js";
import { GroupNorm } from "../nn/norms/group-norm.js";
import { LayerNorm } from "../nn/norms/layer-norm.js";
import { RmsNorm } from "../nn/norms/rms-norm.js";
import { RunningNorm } from "../nn/norms/running-norm.js";
import { sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { ChannelView } from "./summary.js";

/** Where the channels of a tensor are: in axis 1; in its last axis, up to rank 3; or in its last axes, which have so many values together. */
export type ChannelAxis = "second" | "last" | number;

/**
 * Where each module's input and output have their channels. Of rank 3 it is not told by the shape: what has no channels of its own goes by the
 * layer that stands before it.
 */
export function channelAxes(model: AnyModule): Map<AnyModule, ChannelAxis> {
  const axes = new Map<AnyModule, ChannelAxis>();
  let current: ChannelAxis = "second";
  for (const [, module] of model.namedModules()) {
    if (isOnLastAxes(module) || module instanceof Linear) current = "last";
    else if (module instanceof Conv1d || module instanceof RunningNorm || module instanceof GroupNorm)
      current = "second";
    axes.set(module, isOnLastAxes(module) ? sizeOf(module.normalizedShape) : current);
  }
  return axes;
}

function isOnLastAxes(module: AnyModule): module is LayerNorm | RmsNorm {
  return module instanceof LayerNorm || (module instanceof RmsNorm && !module.channelsFirst);
}

/** A tensor as (outer, channels, inner). */
export function channelsOf(x: Tensor, axis: ChannelAxis): ChannelView {
  const [outer = 1, kept = 1, ...rest] = x.shape;
  if (axis === "second" || (axis === "last" && x.rank > 3)) return { outer, kept, inner: sizeOf(rest) };
  const channels = axis === "last" ? (x.shape[x.rank - 1] ?? 1) : axis;
  return { outer: channels === 0 ? 0 : x.size / channels, kept: channels, inner: 1 };
}

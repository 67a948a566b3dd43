import { Flatten } from "../nn/flatten.js";
import { Linear } from "../nn/linear.js";
import type { AnyModule } from "../nn/module.js";
import { Norm } from "../nn/norms/norm.js";
import { GlobalAvgPool2d, GlobalMaxPool2d } from "../nn/pooling.js";
import { findChains } from "./fold/chains.js";

/**
 * Linear layers and norms that are given flattened images, and of how many channels: null where the layers before the
 * `Flatten` do not tell. Layers in an order that is not known are left out.
 */
export function flattenedChannels(model: AnyModule): Map<AnyModule, number | null> {
  const found = new Map<AnyModule, number | null>();
  for (const chain of findChains(model, () => false).chains) {
    let channels: number | null = null;
    let isFlat = false;
    for (const { module } of chain) {
      if (module instanceof Flatten) isFlat = true;
      else if (isFlat && (module instanceof Linear || module instanceof Norm)) found.set(module, channels);
      if ([Linear, GlobalAvgPool2d, GlobalMaxPool2d].some((made) => module instanceof made)) isFlat = false;
      // A layer of one's own that holds no others is taken to keep its channels.
      if (!isFlat) channels = module.channelsAfter(channels) ?? (module.children().length > 0 ? null : channels);
    }
  }
  return found;
}

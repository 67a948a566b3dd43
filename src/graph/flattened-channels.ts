import { ConvTranspose2d } from "../nn/conv-transpose2d.js";
import { Conv1d } from "../nn/conv1d.js";
import { Conv2d } from "../nn/conv2d.js";
import { Flatten } from "../nn/flatten.js";
import { Linear } from "../nn/linear.js";
import type { AnyModule } from "../nn/module.js";
import { GroupNorm } from "../nn/norms/group-norm.js";
import { Norm } from "../nn/norms/norm.js";
import { RunningNorm } from "../nn/norms/running-norm.js";
import { GlobalAvgPool2d } from "../nn/pooling.js";
import { Residual } from "../nn/residual.js";
import { findChains } from "./chains.js";

/**
 * Linear layers and norms that are given flattened images, and of how many channels: null where the layers before the `Flatten` do not tell. Layers
 * in an order that is not known are left out.
 */
export function flattenedChannels(model: AnyModule): Map<AnyModule, number | null> {
  const found = new Map<AnyModule, number | null>();
  for (const chain of findChains(model, () => false).chains) {
    let channels: number | null = null;
    let isFlat = false;
    for (const { module } of chain) {
      if (module instanceof Flatten) isFlat = true;
      else if (isFlat && (module instanceof Linear || module instanceof Norm)) found.set(module, channels);
      if (module instanceof Linear || module instanceof GlobalAvgPool2d) isFlat = false;
      if (!isFlat && module.children().length > 0) channels = module instanceof Residual ? lastChannels(module) : null;
      else if (!isFlat) channels = outputChannels(module) ?? channels;
    }
  }
  return found;
}

/** The channels that a layer gives, where its own sizes tell. */
function outputChannels(module: AnyModule): number | null {
  if (module instanceof Conv1d || module instanceof Conv2d || module instanceof Linear) return module.weight.shape[0];
  if (module instanceof ConvTranspose2d) return module.weight.shape[1] * module.groups;
  if (module instanceof RunningNorm) return module.numFeatures;
  return module instanceof GroupNorm ? module.numChannels : null;
}

/** Those of the last layer in the body of a residual block that tells. */
function lastChannels({ body }: Residual): number | null {
  return body.namedModules().reduce<number | null>((last, [, module]) => outputChannels(module) ?? last, null);
}

import type { Module } from "../nn/module.js";
import { convnextTiny } from "./convnext.js";
import { densenet121 } from "./densenet.js";
import { efficientnetB0 } from "./efficientnet.js";
import { mobilenetV2 } from "./mobilenet-v2.js";
import { mobilenetV3Small } from "./mobilenet-v3.js";
import type { NamedNetwork, NormName } from "./names.js";
import type { NetworkOptions } from "./networks.js";
import { nfnet } from "./norm-free-net.js";
import { resnet18, resnet34, resnet50 } from "./resnets.js";
import { unet } from "./unet.js";
import { vitTiny } from "./vision-transformer.js";

/**
 * All networks of this subpath by name, for programs that let their users choose.
 *
 * @example
 * ```ts
 * Object.keys(namedNetworks).includes("resnet50"); // true
 * const build = namedNetworks["mobilenetV3Small"];
 * build({ inputShape: [3, 32, 32], classes: 10 }).parameters().length; // 142
 * ```
 */
export const namedNetworks: Readonly<Record<NamedNetwork, (options: NetworkOptions) => Module>> = {
  resnet18,
  resnet34,
  resnet50,
  mobilenetV2,
  mobilenetV3Small,
  efficientnetB0,
  densenet121,
  convnextTiny,
  vitTiny,
  nfnet,
  unet,
};

/** Networks whose norm, where none is asked for, is not batch norm. */
const ownNorms: Readonly<Record<string, NormName>> = { convnextTiny: "layer", vitTiny: "layer", nfnet: "none" };

/** The norm that a network has where none is asked for. @param name - of any network by name */
export function defaultNorm(name: string): NormName {
  return Object.hasOwn(ownNorms, name) ? ownNorms[name] : "batch";
}

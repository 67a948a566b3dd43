/**
 * Networks by name, with the parameter names of torchvision and timm, so that their state dicts load: any norm, any
 * number of classes, any number of channels.
 *
 * @module
 */

export { convnextTiny } from "./convnext.js";
export { densenet121 } from "./densenet.js";
export { efficientnetB0, type StochasticDepthOptions } from "./efficientnet.js";
export { mobilenetV2 } from "./mobilenet-v2.js";
export { mobilenetV3Small } from "./mobilenet-v3.js";
export { defaultNorm, namedNetworks } from "./named-networks.js";
export type { NamedNetwork, NormName } from "./names.js";
export type { NetworkOptions, NormOptions } from "./networks.js";
export { nfnet } from "./norm-free-net.js";
export { resnet18, resnet34, resnet50 } from "./resnets.js";
export { type UNetOptions, unet } from "./unet.js";
export { vitTiny } from "./vision-transformer.js";

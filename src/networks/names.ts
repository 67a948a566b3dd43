// What networks and norms are called: known without loading what it names, as the help of the command line wants it.

/** Which normalisation a network built by name has. */
export type NormName = (typeof normNames)[number];
/** See {@link NormName}. */
export const normNames = [
  "batch",
  "layer",
  "instance",
  "group",
  "rms",
  "ghost",
  "renorm",
  "lrn",
  "pixel",
  "scale",
  "dyt",
  "frn",
  "evonorm-b0",
  "evonorm-s0",
  "switchable",
  "batch-instance",
  "whitening",
  "none",
] as const;

/** Names of the networks that `import "evenkeel"` has. */
export const coreNames = ["mlp", "cnn", "resnet"] as const;

/** Names of the networks of `evenkeel/networks` whose outputs are (N, classes). */
export const classifierNames = [
  "resnet18",
  "resnet34",
  "resnet50",
  "mobilenetV2",
  "mobilenetV3Small",
  "efficientnetB0",
  "densenet121",
  "convnextTiny",
  "vitTiny",
  "nfnet",
] as const;

/** The name of a network of the subpath `evenkeel/networks`. */
export type NamedNetwork = (typeof classifierNames)[number] | "unet";

import { ArgumentError } from "./errors.js";
import { nearest } from "./nearest.js";

/** The name of each option of `Options`: one that is missing here, or that the interface lacks, is a compile error. */
export type OptionNames<Options> = { readonly [Name in keyof Required<Options>]: true };

/**
 * What PyTorch, Keras, TF.js and Optax call options, lower case and without underscores: the names here, the likeliest
 * first.
 */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  alpha: ["negativeSlope", "momentum"],
  amount: ["samples"],
  attnmask: ["mask"],
  beta1: ["betas"],
  beta2: ["betas"],
  callbacks: ["onEpoch", "onStep"],
  categories: ["classes"],
  center: ["affine"],
  classweight: ["classWeights"],
  clipgradnorm: ["clipNorm"],
  clipnorm: ["clipNorm"],
  correction: ["unbiased"],
  confidence: ["probe"],
  criterion: ["loss"],
  ddof: ["unbiased"],
  decay: ["weightDecay", "momentum"],
  dilationrate: ["dilation"],
  dim: ["axis"],
  dropout: ["dropoutRate"],
  dropoutrate: ["dropout"],
  elementwiseaffine: ["affine"],
  epsilon: ["eps"],
  fromlogits: [],
  gamma: ["factor", "affine"],
  gradclip: ["clipNorm"],
  gradclipnorm: ["clipNorm"],
  gradientaccumulationsteps: ["accumulate"],
  initialstate: ["state"],
  initialvalue: ["init"],
  initvalues: ["init"],
  iscausal: ["causal"],
  keypaddingmask: ["keyMask"],
  learningrate: ["lr"],
  lr: ["lrScale"],
  lrscheduler: ["schedule"],
  maxgradnorm: ["clipNorm"],
  maxnorm: ["clipNorm"],
  minlr: ["min"],
  names: ["classes"],
  numclasses: ["classes"],
  opset: ["opsetVersion"],
  opsetversion: ["opset"],
  optim: ["optimizer"],
  ord: ["p"],
  posweight: ["positiveWeight"],
  rate: ["lr"],
  rho: ["alpha", "decay"],
  scale: ["affine"],
  scheduler: ["schedule"],
  stepsize: ["every", "lr"],
  strides: ["stride"],
  trackstats: ["trackRunningStats"],
  usebias: ["bias"],
  validationdata: ["validation"],
  valdata: ["validation"],
  weight: ["classWeights"],
};

/** What to do about options of other libraries that are something else here, by their names as above. */
const elsewhere: Readonly<Record<string, string>> = {
  activation: "Put the activation behind the layer: new Sequential(layer, new ReLU()).",
  amsgrad: "Leave it out: this variant is not offered.",
  batchfirst: "Leave it out: batches come first.",
  batchsize: "Pass it to batches(data, { batchSize }).",
  biasinitializer: "Leave it out, and set layer.bias afterwards.",
  dataformat: "Leave it out: channels come first.",
  device: "Leave it out, and choose with setBackend().",
  dtype: "Leave it out: tensors hold float32.",
  eagerly: "Leave it out.",
  fromlogits: "Leave it out: losses take logits, without a softmax before them.",
  inplace: "Leave it out: layers make new tensors, and scope() frees them.",
  inputshape: "Leave it out: pass the number of inputs as the first argument.",
  kernelinitializer: "Leave it out, and set layer.weight afterwards.",
  name: "Leave it out: a layer is named by its place in the model.",
  numworkers: "Leave it out: threads(n) sets the number of threads.",
  paddingmode: "Leave it out, and put new Pad(amounts, { mode }) before the layer.",
  reduction: "Leave it out: losses are means.",
  returnsequences: "Leave it out: every step is returned.",
  shuffle: "Pass it to batches(data, { shuffle: true }).",
  trainable: "Leave it out, and set requiresGrad of the layer's parameters, or freeze() a norm.",
};

/** Arguments that stand before the options here, where other libraries name them. */
const positional = new Set(
  (
    "axis axes kernel p rate drop filters units kernelsize poolsize infeatures outfeatures inchannels outchannels numfeatures " +
    "numgroups numchannels groups normalizedshape inputsize hiddensize inputdim outputdim numembeddings " +
    "embeddingdim embeddim numheads dim params parameters size scalefactor"
  ).split(" "),
);

/**
 * Refuses options that nothing reads, such as `epsilon` for `eps`, by naming the one that was probably meant.
 * TypeScript refuses them in literals; this is for JavaScript, and for objects that come from elsewhere.
 *
 * @param where - the function, and its arguments before the options; a function where the text takes time to write, as
 * the name of a layer does
 * @param names - every option: see {@link OptionNames}
 * @throws ArgumentError if `options` is no object, or has a property that is none of them
 */
export function checkOptions<Options extends object>(
  where: string | (() => string),
  options: Options,
  names: OptionNames<NoInfer<Options>>,
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ArgumentError({
      where: typeof where === "string" ? where : where(),
      expected: "its options as an object",
      received: describe(options),
      cure: `Write { ${Object.keys(names)[0]}: … }${Object.keys(names).length > 1 ? " or another of its options" : ""}.`,
    });
  }
  for (const name in options) {
    if (names[name] !== true && options[name] !== undefined)
      throw unknownOption(typeof where === "string" ? where : where(), name, Object.keys(names));
  }
}

function unknownOption(where: string, name: string, names: readonly string[]): ArgumentError {
  return new ArgumentError({
    where,
    expected: names.length === 1 ? `the option ${names[0]} only` : `options among ${names.join(", ")}`,
    received: name,
    cure: cureFor(name, names),
  });
}

function cureFor(name: string, names: readonly string[]): string {
  const plain = plainName(name);
  const others = Object.hasOwn(otherNames, plain) ? otherNames[plain] : [];
  const meant = names.find((known) => plainName(known) === plain) ?? others.find((known) => names.includes(known));
  if (meant !== undefined) return `Write ${meant}.`;
  if (positional.has(plain)) return `Pass it as an argument before the options, or leave it out.`;
  if (Object.hasOwn(elsewhere, plain)) return elsewhere[plain];
  const near = nearest(name, names);
  return near === null ? "Leave it out." : `Write ${near}.`;
}

/** A name as it is spelled nowhere: `learning_rate` and `learningRate` are one. */
function plainName(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}

function describe(value: unknown): string {
  return Array.isArray(value) ? "an array" : typeof value === "function" ? "a function" : String(value);
}

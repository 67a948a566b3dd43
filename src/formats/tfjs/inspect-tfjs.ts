import { normFindings } from "../../graph/statistics/norm-checks.js";
import type { DeclaredInput } from "../foreign/arrays.js";
import { type InspectedNorm, rangesOf } from "../foreign/inspected-norm.js";
import { printable } from "../printable.js";
import { foldLayers } from "./fold/fold-norms.js";
import { epsOf, layerMapOf, normWeights } from "./model/batch-norm-layer.js";
import type { Container, Layer } from "./model/container.js";
import { declaredInputs } from "./model/declared-inputs.js";
import type { TfjsFiles } from "./model/files.js";
import { graphNodes, graphNorms } from "./model/graph-norms.js";
import { isObject, type JsonObject } from "./model/json.js";
import { layerTitle } from "./model/linear-layers.js";
import { isBatchNorm, normClassOf } from "./model/norm-classes.js";
import { TfjsModel } from "./model/tfjs-model.js";
import { weightValues } from "./model/weights.js";

/** What {@link inspectTfjs} finds in a model. */
export interface TfjsInspection {
  /** Whether it is made of Keras's layers or of a graph's nodes. */
  readonly format: "layers-model" | "graph-model";
  /** What wrote or converted it. */
  readonly producer: string;
  /** Layers in all networks, or nodes in all graphs. */
  readonly layers: number;
  /** Its inputs, channels last in images; of a graph model its placeholders. */
  readonly inputs: readonly DeclaredInput[];
  /** Every normalisation, in the order of the file. */
  readonly norms: readonly InspectedNorm[];
}

const byInput = "it takes its statistics from each input";
const settingNames = ["axis", "groups"];

/**
 * Lists every normalisation of a TF.js model. Of layers models: batch, layer, group, instance, RMS and unit norms, also
 * in networks and wrappers inside. Of graph models: FusedBatchNorm of any version, alone or fused into a convolution,
 * BatchNormWithGlobalNormalization, LRN, and what divides by the root of a variance that it computes, as layer, group
 * and instance norms do there.
 *
 * @param files - model.json and its weights; not changed
 * @throws FormatError if they are damaged, or no model of TF.js
 * @example
 * ```ts
 * const layer = (class_name: string, config: object) => ({ class_name, config });
 * const norm = layer("BatchNormalization", { name: "bn", epsilon: 0.001, momentum: 0.99 });
 * const dense = layer("Dense", { name: "fc", units: 1, use_bias: false, batch_input_shape: [null, 1] });
 * const names = ["fc/kernel", "bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"];
 * const weightSpecs = names.map((name) => ({ name, shape: name === "fc/kernel" ? [1, 1] : [1], dtype: "float32" }));
 * const files = toTfjsFiles({
 *   modelTopology: layer("Sequential", { name: "net", layers: [dense, norm] }),
 *   weightSpecs,
 *   weightData: new Float32Array([2, 1, 0, 0, 1]).buffer,
 * });
 * const [bn] = inspectTfjs(files).norms;
 * bn.foldsInto; // "Dense fc"
 * bn.findings[0]; // "its running statistics were never updated (mean 0, variance 1): recalibrate it"
 * ```
 */
export function inspectTfjs(files: TfjsFiles): TfjsInspection {
  const where = "inspectTfjs(files)";
  const model = new TfjsModel(where, files);
  const { generatedBy, convertedBy } = model.document;
  const producer = [generatedBy, convertedBy]
    .flatMap((one) => (typeof one === "string" ? [printable(one)] : []))
    .join(", ");
  if (model.main === null) {
    const [layers, inputs] = [graphNodes(model).length, declaredInputs(model)];
    return { format: "graph-model", producer, layers, inputs, norms: graphNorms(model) };
  }
  // What a fold would do is found out by doing it, to another copy.
  const outcomes = foldLayers(new TfjsModel(where, files));
  const norms: InspectedNorm[] = [];
  let batchNorms = 0;
  let layers = 0;
  for (const container of model.containers()) {
    layers += container.layers.size;
    for (const layer of container.layers.values()) {
      if (isBatchNorm(layer.className)) {
        const { into = null, reason = null } = outcomes[batchNorms++];
        norms.push({ ...describe(model, layer), foldsInto: into, leftBecause: reason });
      } else if (normClassOf(layer.className) !== undefined) {
        norms.push({ ...describe(model, layer), foldsInto: null, leftBecause: byInput });
      }
      for (const wrapped of wrappedIn(layer)) {
        norms.push({
          ...describe(model, wrapped),
          foldsInto: null,
          leftBecause: `it stands inside ${layerTitle(layer)}`,
        });
      }
    }
  }
  return { format: "layers-model", producer, layers, inputs: declaredInputs(model), norms };
}

/** Normalisations in a wrapper such as TimeDistributed. */
function* wrappedIn({ config, container }: Layer): Iterable<Layer> {
  let { layer } = config;
  while (isObject(layer) && isObject(layer["config"])) {
    const { class_name: className, config: inner } = layer as { class_name?: unknown; config: JsonObject };
    if (typeof className === "string" && normClassOf(className) !== undefined) {
      yield { name: String(inner["name"] ?? ""), className, config: inner, container };
    }
    layer = inner["layer"];
  }
}

function describe(model: TfjsModel, layer: Layer): Omit<InspectedNorm, "foldsInto" | "leftBecause"> {
  const { className, config, container } = layer;
  const parameters = parametersOf(model, layer);
  const settings = settingNames.flatMap((name) => {
    const value = config[name];
    const isSetting = typeof value === "number" || (Array.isArray(value) && value.every(Number.isFinite));
    return isSetting ? [[name, value as number | number[]] as const] : [];
  });
  const { momentum = 0.99 } = config;
  const isBatch = isBatchNorm(className);
  return {
    kind: printable(className),
    place: container.placeOf(layer),
    input: inputOf(container, layer),
    channels: Object.values(parameters)[0]?.length ?? null,
    eps: epsOf(layer),
    momentum: isBatch && typeof momentum === "number" ? momentum : null,
    mode: isBatch ? "inference" : null,
    settings: Object.fromEntries(settings),
    parameters: rangesOf(parameters),
    findings: findingsOf(model, layer, parameters),
  };
}

function inputOf(container: Container, layer: Layer): string {
  const maker = container.before(layer);
  if (maker === null) return "the network's input";
  return maker.className === "InputLayer" ? `input ${container.placeOf(maker)}` : layerTitle(maker);
}

function parametersOf(model: TfjsModel, layer: Layer): Record<string, Float64Array> {
  const parameters: Record<string, Float64Array> = {};
  for (const [name, slot] of Object.entries(normWeights(model, layer))) {
    const values = slot === null || !model.isNamedOnce(layer) ? null : weightValues(slot);
    if (values !== null) parameters[name] = values;
  }
  return parameters;
}

function findingsOf(model: TfjsModel, layer: Layer, parameters: Record<string, Float64Array>): string[] {
  const isBatch = isBatchNorm(layer.className);
  const { momentum } = layer.config;
  const numbers = {
    parameters,
    eps: epsOf(layer),
    momentum: isBatch && typeof momentum === "number" ? momentum : null,
  };
  const map = isBatch && parameters["variance"] === undefined ? layerMapOf(model, layer) : null;
  return [...normFindings(numbers, "TF.js"), ...(typeof map === "string" ? [map] : [])];
}

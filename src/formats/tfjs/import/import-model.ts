import { FormatError } from "../../../errors.js";
import { type Argument, ValueRef } from "../../../graph/argument.js";
import type { Graph } from "../../../graph/graph.js";
import type { Sequential } from "../../../nn/sequential.js";
import { FileBudget } from "../../file-budget.js";
import { refusedModel } from "../../foreign/import-faults.js";
import { saidMeta } from "../../foreign/said-meta.js";
import type { ModelMeta } from "../../model-file/save-model.js";
import { GraphBuilder, type NamedNode } from "../../onnx/import/graph-builder.js";
import { networkOf } from "../../onnx/import/row-of-layers.js";
import { printable } from "../../printable.js";
import { isObject } from "../model/json.js";
import type { TfjsModel } from "../model/tfjs-model.js";
import { GraphImporter } from "./graph/graph-importer.js";
import type { Dialect } from "./layer-step.js";
import { LayerWeights } from "./layer-weights.js";
import { LayersImporter } from "./layers-importer.js";
import { checkInputs, networkInputs, outputNames, type TakenInput, takenInputs } from "./network-ends.js";
import { type ImportState, Step } from "./step.js";
import type { Value } from "./value.js";

/** A network made of a model of TF.js or Keras. */
export interface ImportedTfjs {
  /**
   * The network with the file's weights and statistics, in training mode as every new model: a `Sequential` with
   * `Residual`s in it where that is all that the file has, else a {@link Graph}. It takes the inputs in the order of
   * the file. It returns a tensor, or an object of tensors by the names of the outputs where there are several.
   */
  readonly model: Sequential | Graph;
  /** What the file says besides; `inputShape` too, as the network takes it, where the input's sizes are known. */
  readonly meta: ModelMeta;
  /**
   * The layer or node of the file behind each layer of a `Sequential`, by its path, or behind each node of a
   * {@link Graph}.
   */
  readonly nodes: Readonly<Record<string, string>>;
}

/** An output by its name; null where it comes from what was refused. */
type Output = readonly [name: string, value: Value | null];

/**
 * Imports a model that was read.
 *
 * @param bytes - the size of its files
 * @param dialect - by whose rules its layers compute
 */
export function importModel(where: string, model: TfjsModel, bytes: number, dialect: Dialect): ImportedTfjs {
  const budget = new FileBudget(where, bytes);
  const graph = model.main === null ? new GraphImporter(model) : null;
  const declared = networkInputs(model);
  checkInputs(where, declared);
  const keepsOrder = graph?.isChannelsFirst ?? isChannelsFirst(model);
  const taken = takenInputs(declared, keepsOrder, graph !== null);
  const builder = new GraphBuilder<NamedNode>(taken.map(({ here }) => here));
  const state = { builder, budget, modules: new Map(), turned: new Map() };
  const inputs = taken.map(({ shape, order }, k): Value => ({ ref: new ValueRef(k), shape, order }));
  const outputs =
    graph === null ? ofLayers(where, model, state, dialect, inputs) : ofGraph(where, graph, state, inputs);
  const refs = outputs.map(([name, value]): readonly [string, Argument] => {
    if (value === null) throw noOutput(where, name);
    const order = value.shape.length > 3 && !keepsOrder ? "first" : "keras";
    return [name, new Step(state, state, name, name).ordered(value, order)];
  });
  if (refs.length === 0) throw noOutput(where, null);
  const parts = builder.parts(refs.length === 1 ? refs[0][1] : Object.fromEntries(refs));
  return { ...networkOf(parts, builder.sources), meta: metaOf(model, taken) };
}

function ofLayers(
  where: string,
  model: TfjsModel,
  state: ImportState,
  dialect: Dialect,
  inputs: readonly Value[],
): Output[] {
  const { main } = model;
  if (main === null) throw new Error("internal: graph models have an importer of their own");
  const importer = new LayersImporter({ ...state, weights: new LayerWeights(model, state.budget), dialect });
  const values = importer.outputs(main, inputs);
  if (importer.faults.length > 0) throw refusedModel(where, "layer", importer.faults);
  const names = outputNames(main);
  return values.map((value, k) => [names[k], value]);
}

function ofGraph(where: string, importer: GraphImporter, state: ImportState, inputs: readonly Value[]): Output[] {
  const given = new Map(importer.placeholders().map((name, k) => [name, inputs[k]]));
  const outputs = importer.outputs();
  const values = importer.values(state, given, outputs);
  if (importer.faults.length > 0) throw refusedModel(where, "node", importer.faults);
  return values.map((value, k) => [outputs[k].name, value]);
}

/** Whether layers keep the channels of images first. */
function isChannelsFirst(model: TfjsModel): boolean {
  for (const { layers } of model.containers()) {
    for (const { config } of layers.values()) if (config["data_format"] === "channels_first") return true;
  }
  return false;
}

function metaOf({ document }: TfjsModel, taken: readonly TakenInput[]): ModelMeta {
  const [{ here }] = taken;
  const [, ...sizes] = here;
  const isKnown = taken.length === 1 && sizes.length > 0 && sizes.every((size) => typeof size === "number");
  const said = document["userDefinedMetadata"];
  // A signature tells of the file's own values.
  const { signature: _, ...others } = isObject(said) ? said : {};
  return { ...saidMeta(Object.entries(others)), ...(isKnown ? { inputShape: sizes.map(Number) } : {}) };
}

function noOutput(where: string, name: string | null): FormatError {
  return new FormatError({
    where,
    expected: "outputs that the model computes of its inputs",
    received: name === null ? "none" : `${printable(name)}, which it does not`,
    cure: "Check that the file is complete, or take out this output.",
  });
}

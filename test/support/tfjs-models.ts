import { type TfjsFiles, type TfjsQuantization, toTfjsArtifacts, toTfjsFiles } from "evenkeel/tfjs";

/**
 * A weight of a small model: one axis of numbers, or more; `bytes` where it is stored as something else than float32.
 */
export type WeightSketch =
  | readonly number[]
  | {
      readonly shape: readonly number[];
      readonly values?: readonly number[];
      readonly bytes?: readonly number[];
      readonly dtype?: string;
      readonly quantization?: TfjsQuantization;
    };

/** A layer of a small model. */
export interface LayerSketch {
  readonly className: string;
  readonly name: string;
  readonly config?: object;
  readonly weights?: Readonly<Record<string, WeightSketch>>;
  /** In a Functional network: the layers whose outputs it takes, once for each call. */
  readonly calls?: readonly (readonly string[])[];
}

const littleEndian = (values: readonly number[]): number[] => [...new Uint8Array(Float32Array.from(values).buffer)];

/** The files of a model of this topology with these layers' weights. */
export function tfjsModel(modelTopology: object, layers: readonly LayerSketch[], more: object = {}): TfjsFiles {
  const bytes: number[] = [];
  const weightSpecs = layers.flatMap(({ name, weights = {} }) =>
    Object.entries(weights).map(([key, sketch]) => {
      const {
        shape,
        values = [],
        bytes: stored,
        dtype = "float32",
        quantization,
      } = "shape" in sketch ? sketch : { shape: [sketch.length], values: sketch };
      bytes.push(...(stored ?? littleEndian(values)));
      return { name: `${name}/${key}`, shape, dtype, ...(quantization === undefined ? {} : { quantization }) };
    }),
  );
  const weightData = Uint8Array.from(bytes).buffer;
  return toTfjsFiles({ format: "layers-model", modelTopology, weightSpecs, weightData, ...more });
}

/** A Sequential network; its first layer should say the shape of its input. */
export function sequential(...layers: readonly LayerSketch[]): TfjsFiles {
  return tfjsModel(sequentialJson("net", layers), layers);
}

/** What a model.json says of a Sequential network. */
export function sequentialJson(name: string, layers: readonly LayerSketch[]): object {
  return {
    class_name: "Sequential",
    config: {
      name,
      layers: layers.map(({ className, name: own, config = {} }) => ({
        class_name: className,
        config: { name: own, ...config },
      })),
    },
  };
}

/**
 * A Functional network with an input `x`; references are to a layer's first call unless they say another: `layer:1`.
 */
export function functional(layers: readonly LayerSketch[], outputs: readonly string[]): TfjsFiles {
  const reference = (text: string): unknown[] => {
    const [layer, call = "0"] = text.split(":");
    return [layer, Number(call), 0, {}];
  };
  const all: LayerSketch[] = [
    { className: "InputLayer", name: "x", config: { batch_input_shape: [null, 2] } },
    ...layers,
  ];
  const config = {
    name: "net",
    layers: all.map(({ className, name, config: own = {}, calls = [] }) => ({
      class_name: className,
      name,
      config: { name, ...own },
      inbound_nodes: calls.map((call) => call.map(reference)),
    })),
    input_layers: [["x", 0, 0]],
    output_layers: outputs.map((one) => reference(one).slice(0, 3)),
  };
  return tfjsModel({ class_name: "Model", config }, layers);
}

/** A Functional network in which the first call of a layer says more than its inputs. */
export function calledWith({ model, shards }: TfjsFiles, name: string, options: object): TfjsFiles {
  const document = JSON.parse(new TextDecoder().decode(model));
  const { layers } = document.modelTopology.config;
  layers.find((one: { name: string }) => one.name === name).inbound_nodes[0][0][3] = options;
  return { model: new TextEncoder().encode(JSON.stringify(document)), shards };
}

/** A batch norm of two channels that is y = 2x + 1 in the first and y = x − 3 in the second, without rounding. */
export function norm(name: string, more: Partial<LayerSketch> = {}): LayerSketch {
  return {
    className: "BatchNormalization",
    name,
    weights: { gamma: [1, 2], beta: [3, -1], moving_mean: [1, 2], moving_variance: [0.25, 4] },
    ...more,
    config: { axis: -1, epsilon: 0, momentum: 0.99, ...more.config },
  };
}

/** A layer of a class. */
export function layer(
  className: string,
  name: string,
  config: object = {},
  weights: LayerSketch["weights"] = {},
  ...calls: readonly (readonly string[])[]
): LayerSketch {
  return { className, name, config, weights, calls };
}

/** Every weight of a model that holds float32, by its name. */
export function weightsOf(files: TfjsFiles): Record<string, number[]> {
  const { weightSpecs = [], weightData } = toTfjsArtifacts(files);
  let at = 0;
  const entries = weightSpecs.map(({ name, shape }): [string, number[]] => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    at += 4 * size;
    return [name, [...new Float32Array(weightData as ArrayBuffer, at - 4 * size, size)]];
  });
  return Object.fromEntries(entries);
}

/** Classes and names of a model's layers, in their order. */
export function layersOf({ model }: TfjsFiles): string[] {
  const { modelTopology } = JSON.parse(new TextDecoder().decode(model));
  const { layers }: { layers: { class_name: string; config: { name: string } }[] } = modelTopology.config;
  return layers.map(({ class_name, config }) => `${class_name} ${config.name}`);
}

/**
 * What `evenkeel --help` says of each command, in its order; a command's own help begins with it. It is known without
 * loading the command.
 */
export const commandList = {
  train: { summary: "Train a network on images, tables or arrays, and write the model and its metrics.", takes: [] },
  predict: {
    summary: "Predict the class or value of images or table rows.",
    takes: [
      ["<run>", "a run's folder, or a .safetensors file"],
      ["<files...>", "PNG or JPEG images, or folders of them; CSV, NPY or NPZ (x) files without a target"],
    ],
  },
  evaluate: {
    summary: "Measure a model on labelled data: loss, accuracy and confusion, or regression errors.",
    takes: [["<run>", "a run's folder, or a .safetensors file"]],
  },
  doctor: {
    summary: "Diagnose the normalisation of a model and write doctor.html.",
    takes: [
      ["<run>", "a run's folder, a .safetensors or .onnx file, or a .json from the playground"],
      ["[other]", "another, to compare with on the same data"],
    ],
  },
  inspect: {
    summary: "List the normalisations of a model, their statistics, and whether they can be folded.",
    takes: [["<model>", "an .onnx, .keras, .h5 or .safetensors file, a TF.js model.json, or a run's folder"]],
  },
  fold: {
    summary: "Fold batch norms into the layers beside them, so that inference does not pay for them.",
    takes: [["<model>", "an .onnx, .keras, .h5 or .safetensors file, a TF.js model.json, or a run's folder"]],
  },
  export: {
    summary: "Write a trained model as a file for other programs.",
    takes: [["<run>", "a run's folder, or a .safetensors file"]],
  },
  recalibrate: {
    summary: "Recompute the running statistics of batch norms on data.",
    takes: [["<model>", "an .onnx file, a run's folder, or a .safetensors file"]],
  },
  repair: {
    summary:
      "Turn a model exported in training mode into one for inference, or a Keras model into one that TF.js loads.",
    takes: [["<model>", "an .onnx, .keras or .h5 file, or a model.json written from Keras 3"]],
  },
  study: {
    summary: "Measure claims of papers on normalisation over paired seeds.",
    takes: [["[name...]", "experiments to run (default: all of the budget)"]],
  },
  play: {
    summary: "Serve the playground, a page that shows normalisation at work, on this machine until Ctrl-C.",
    takes: [],
  },
  selftest: { summary: "Compare every kernel of a GPU with plain loops in float64, and measure its speed.", takes: [] },
} as const satisfies Readonly<Record<string, CommandEntry>>;

interface CommandEntry {
  readonly summary: string;
  /** What it takes besides flags: `<run>`, and what that is. */
  readonly takes: readonly (readonly [name: string, help: string])[];
}

export type CommandName = keyof typeof commandList;

import type { AugmentOptions } from "../../data/augment/augment.js";
import type { Task } from "../../data/dataset.js";
import type { ImageLayout } from "../../data/image-layout.js";
import { ArgumentError } from "../../errors.js";
import type { DataPart } from "../../node/data/load-data-as.js";
import { flag, withDefault } from "./flag.js";
import { again, count, list, number, numbers, oneOf } from "./parsers.js";

const group = "Data";

export const data = flag("--data <source>", {
  group,
  help: "mnist, fashion-mnist, a CSV or NPZ (x, y) file, or a folder of images, NPY or IDX files",
});
export const target = flag("--target <column>", {
  group,
  help: "CSV: the column to predict",
  initially: "the last",
});
export const ignore = flag("--ignore <columns>", {
  group,
  help: "CSV: columns to leave out, separated by commas; may be given again",
  parse: again,
});
export const task = flag("--task <task>", {
  group,
  help: "classification or regression",
  initially: "by the target",
  parse: oneOf<Task>(["classification", "regression"]),
});
export const layout = flag("--layout <order>", {
  group,
  help: "arrays of images: order of the axes, nchw or nhwc",
  initially: "by their sizes",
  parse: oneOf<ImageLayout>(["nchw", "nhwc"]),
});
export const split = flag("--split <shares>", {
  group,
  help: "shares for training, validation and test of data in one part",
  initially: "0.8,0.1,0.1",
  parse: numbers,
});
export const imageSize = flag("--image-size <n>", {
  group,
  help: "image folders: height and width",
  initially: "that of the images",
  parse: count(),
});
export const grey = flag("--grey", {
  group,
  help: "image folders: read one channel, as if no image had colours",
});
export const rgb = flag("--rgb", { group, help: "image folders: read three channels" });
export const skipBadRows = flag("--skip-bad-rows", {
  group,
  help: "leave out rows and images that cannot be used, instead of refusing them",
});
export const part = flag("--part <part>", {
  group,
  help: "part of the data: train, validation, test or all",
  parse: oneOf<DataPart>(["train", "validation", "test", "all"]),
});
/** How many samples are drawn from the data, and by what. */
export const samples = flag("--samples <n>", { group, help: "number of samples, at most", parse: count() });
export const drawSeed = withDefault(
  flag("--seed <n>", { group, help: "seed by which samples are drawn, if there are more", parse: count(0) }),
  0,
);
export const augment = flag("--augment <changes>", {
  group,
  help: "change training images at random, such as shift=2,flip,crop=0.8,noise=0.1",
  parse: changes,
});

/** The flags of a command that takes data to train with. */
export const trainingData = [
  data,
  target,
  ignore,
  task,
  layout,
  split,
  imageSize,
  grey,
  rgb,
  skipBadRows,
  augment,
] as const;

function changes(text: string, where: string): AugmentOptions {
  const options: { crop?: number; shift?: number; flip?: boolean; noise?: number } = {};
  for (const change of list(text, where)) {
    const [name, value = ""] = change.split("=");
    if (name === "flip" && value === "") options.flip = true;
    else if (name === "crop" || name === "shift" || name === "noise") {
      options[name] = number()(value, `${where} ${name}`);
    } else {
      const expected = "crop=SHARE, shift=PIXELS, flip or noise=DEVIATION, separated by commas";
      const cure = "Pass for example --augment shift=2,flip.";
      throw new ArgumentError({ where, expected, received: change, cure });
    }
  }
  return options;
}

import type { Command } from "commander";
import { type AugmentOptions, augment } from "../../data/augment.js";
import type { Dataset, Task, TensorData } from "../../data/dataset.js";
import { ArgumentError } from "../../errors.js";
import { type LoadedData, loadData } from "../../node/data/load-data.js";
import { generator } from "../../random.js";
import { count, number, oneOf } from "./options.js";

/** The flags of a command that takes data to train with. */
export interface DataFlags {
  readonly data: string;
  readonly target?: string;
  readonly ignore?: readonly string[];
  readonly task?: Task;
  readonly split?: readonly number[];
  readonly imageSize?: number;
  readonly grey?: boolean;
  readonly rgb?: boolean;
  readonly skipBadRows?: boolean;
  readonly augment?: AugmentOptions;
}

/** What `--data` may name. */
export const dataHelp =
  "mnist, fashion-mnist, a CSV file, an NPZ file (x, y), or a folder: of class folders of images, of train/ and test/, or of MNIST's IDX files";

/** Gives a command the flags of {@link DataFlags}. */
export function dataOptions(command: Command): Command {
  return command
    .option("--data <source>", `${dataHelp}; needed unless a run is resumed`)
    .option("--target <column>", "CSV: the column to be told (default: the last)")
    .option("--ignore <columns>", "CSV: columns to leave out, separated by commas", list)
    .option("--task <task>", "classification or regression (default: by the target's type)", oneOf("--task", tasks))
    .option("--split <shares>", "training, validation and test of data in one part (default: 0.8,0.1,0.1)", shares)
    .option("--image-size <n>", "image folders: height and width (default: the images' own)", count("--image-size"))
    .option("--grey", "image folders: one channel (default: if no image has colours)")
    .option("--rgb", "image folders: three channels")
    .option("--skip-bad-rows", "leave out rows and images that cannot be used, instead of refusing them")
    .option(
      "--augment <changes>",
      "change training images at random, such as shift=2,flip,crop=0.8,noise=0.1",
      changes,
    );
}

const tasks = ["classification", "regression"] as const;

function list(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}

function shares(text: string): number[] {
  return list(text).map(number("--split"));
}

function changes(text: string): AugmentOptions {
  const options: { crop?: number; shift?: number; flip?: boolean; noise?: number } = {};
  for (const change of list(text)) {
    const [name, value = ""] = change.split("=");
    if (name === "flip" && value === "") options.flip = true;
    else if (name === "crop" || name === "shift" || name === "noise")
      options[name] = number(`--augment ${name}`)(value);
    else {
      const expected = "crop=SHARE, shift=PIXELS, flip or noise=DEVIATION, separated by commas";
      const cure = "Pass for example --augment shift=2,flip.";
      throw new ArgumentError({ where: "--augment", expected, received: change, cure });
    }
  }
  return options;
}

/** The data that the flags name, its training part with augmentation. @param seed - what the split is drawn by */
export async function openData(flags: DataFlags, seed: number): Promise<LoadedData> {
  const { data: source, grey, rgb, augment: options, ...rest } = flags;
  if (grey && rgb) {
    const cure = "Leave one out.";
    throw new ArgumentError({ where: "--grey, --rgb", expected: "one of them", received: "both", cure });
  }
  const loaded = await loadData(source, { ...rest, channels: grey ? 1 : rgb ? 3 : undefined, seed });
  if (options === undefined) return loaded;
  const train = augment<Int32Array | TensorData>(loaded.train, options, generator().split());
  return { ...loaded, train: train as Dataset<never> };
}

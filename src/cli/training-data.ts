import { augment } from "../data/augment/augment.js";
import type { Dataset, TensorData } from "../data/dataset.js";
import { ArgumentError } from "../errors.js";
import { type LoadedData, loadData } from "../node/data/load-data.js";
import { generator } from "../random.js";
import type { trainingData } from "./flags/data-flags.js";
import type { FlagsOf } from "./flags/flag.js";

/** The flags of a command that takes data to train with. */
export type TrainingDataFlags = { readonly data: string } & Omit<FlagsOf<typeof trainingData>, "data">;

/** Data to train with, and their training part as it is without augmentation. */
export type OpenedData = LoadedData & { readonly plainTrain: Dataset<Int32Array | TensorData> };

/** The data that the flags name, its training part with augmentation. @param seed - what the split is drawn by */
export async function openData(flags: TrainingDataFlags, seed: number): Promise<OpenedData> {
  const { data: source, grey, rgb, augment: options } = flags;
  const { target, ignore, task, layout, split, imageSize, skipBadRows } = flags;
  if (grey && rgb) {
    const cure = "Leave one out.";
    throw new ArgumentError({ where: "--grey, --rgb", expected: "one of them", received: "both", cure });
  }
  const loaded = await loadData(source, {
    ...{ target, ignore, task, layout, split, imageSize, skipBadRows, seed },
    channels: grey ? 1 : rgb ? 3 : undefined,
  });
  const plainTrain: Dataset<Int32Array | TensorData> = loaded.train;
  if (options === undefined) return { ...loaded, plainTrain };
  const train = augment<Int32Array | TensorData>(loaded.train, options, generator().split());
  return { ...loaded, plainTrain, train: train as Dataset<never, TensorData> };
}

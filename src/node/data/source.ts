import type { Task } from "../../data/dataset.js";
import type { ImageLayout } from "../../data/image-layout.js";
import type { TableColumns } from "../../data/table/table-columns.js";
import type { Shape } from "../../shape.js";
import type { Samples } from "./samples.js";

/** What a place holds: samples in parts of their own, or all in one. */
export interface Source {
  /** What the samples are called. */
  readonly noun: "images" | "rows" | "samples";
  /** How many were left out because they cannot be used. */
  readonly dropped: number;
  readonly parts:
    | { readonly all: Samples; readonly fingerprint: string }
    | { readonly train: Samples; readonly validation: Samples | null; readonly test: Samples };
}

/** How a source is read. */
export interface ReadOptions {
  /** CSV: the column to predict. @defaultValue the last */
  readonly target?: string | undefined;
  /** CSV: columns to leave out: names, or several in one text with commas between. @defaultValue none */
  readonly ignore?: readonly string[] | undefined;
  /**
   * CSV and arrays: what is to be predicted.
   *
   * @defaultValue classes where the target is of text, one-hot, of two values at most, of whole numbers 0 to k − 1,
   * each twice or more, or an array of whole numbers; else a regression
   */
  readonly task?: Task | undefined;
  /**
   * Arrays of images: whether the channels stand before the rows or behind them.
   *
   * @defaultValue nhwc where the last of a sample's three axes is 1, 3 or 4 and the first is not, else nchw
   */
  readonly layout?: ImageLayout | undefined;
  /** Image folders: height and width, or one number for both. @defaultValue the images' own, if they agree */
  readonly imageSize?: number | readonly [height: number, width: number] | undefined;
  /** Image folders: 1 grey, 3 red, green and blue. @defaultValue 1 if no image has colours, else 3 */
  readonly channels?: 1 | 3 | undefined;
  /** Leave out what cannot be used, rows or images, instead of refusing it. @defaultValue false */
  readonly skipBadRows?: boolean | undefined;
}

/** How a source is read for a model: as it was trained, with or without targets. */
export interface ReadAsOptions extends ReadOptions {
  /** CSV: the columns that the model knows. @defaultValue without targets: all, as the numbers they hold */
  readonly columns?: TableColumns;
  /** Arrays: the shape of one input that a model takes, with the channels first. @defaultValue as they are */
  readonly inputShape?: Shape;
  /** Whether the samples carry what is to be predicted. @defaultValue true */
  readonly hasTargets?: boolean;
  /** Image folders: read no more than so many, drawn by a seed. @defaultValue all */
  readonly draw?: { readonly samples: number; readonly seed: number };
}

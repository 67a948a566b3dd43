import type { ComponentChildren } from "preact";
import type { WalkSettings } from "../../view-fields.js";
import type { LineRow } from "./number-line.js";
import type { Walk, WalkInputs } from "./walk.js";

/** What a step's table has for each sample. */
export type ColumnName = "x" | "centred" | "xHat" | "y" | "dy" | "dxHat" | "dx";
/** Single numbers that can be typed over. */
export type ParameterName = Exclude<keyof WalkSettings, "walkStep" | "walkX" | "walkDy">;

/** One step of the walk. */
export interface WalkStep {
  /** A word or two, for its button. */
  readonly name: string;
  readonly title: string;
  /** What happens, in plain words. */
  readonly text: ComponentChildren;
  readonly formula: ComponentChildren;
  /** The formula again, with the numbers of this batch. */
  worked(inputs: WalkInputs, walk: Walk): ComponentChildren;
  readonly columns: readonly ColumnName[];
  /** What it invites to change. */
  readonly parameters: readonly ParameterName[];
  /** What is drawn. */
  rows(inputs: WalkInputs, walk: Walk): readonly LineRow[];
}

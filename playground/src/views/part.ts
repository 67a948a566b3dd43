import type { ComponentChildren, FunctionComponent } from "preact";
import type { Run } from "../run.js";

/**
 * A part of the page: a section with a heading, a short text, the formula and where it comes from, and what there is to
 * see.
 */
export interface Part {
  /** Its id in the page, kebab-case. */
  readonly id: string;
  readonly title: string;
  /** A few plain sentences for somebody who has never heard of it. */
  readonly text: ComponentChildren;
  readonly formula: ComponentChildren;
  readonly source: ComponentChildren;
  readonly View: FunctionComponent<{ readonly run: Run }>;
  /** Whether what there is to see stands before the text. @defaultValue false */
  readonly viewFirst?: boolean;
}

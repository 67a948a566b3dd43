import type { Chart } from "./chart.js";

/** Words, some of them marked. Nothing in them is taken for markup. */
export type Text = string | readonly (string | Mark)[];

/** Marked words. */
export type Mark =
  | { readonly code: string }
  | { readonly strong: string }
  | { readonly link: string; readonly words: string };

/** A paragraph. */
export interface Prose {
  readonly kind: "prose";
  readonly text: Text;
}

/** A list. */
export interface List {
  readonly kind: "list";
  /** Whether the order matters. @defaultValue false */
  readonly ordered?: boolean;
  readonly items: readonly Text[];
}

/** A line that stands out: a verdict, a finding, a warning. Its word says what its colour says. */
export interface Note {
  readonly kind: "note";
  readonly tone: "good" | "bad" | "neutral";
  /** E.g. `reproduced`. */
  readonly word: string;
  readonly text: Text;
}

/** Numbers or words that are to be seen first, each with its name. */
export interface Facts {
  readonly kind: "facts";
  readonly entries: readonly (readonly [name: string, value: string | number])[];
}

/** A table; the first cell of a row names it. */
export interface PageTable {
  readonly kind: "table";
  readonly caption: string;
  readonly columns: readonly string[];
  /** Numbers are aligned to the right, and shown to four digits; NaN is a dash. */
  readonly rows: readonly (readonly (string | number)[])[];
}

/** A drawn figure. Neighbours stand beside each other where there is room. */
export interface Figure {
  readonly kind: "figure";
  readonly title: string;
  /** What is to be seen, for everybody who reads, and in place of the picture for those who cannot see it. */
  readonly description: string;
  readonly chart: Chart;
}

/** Small images, each with a caption. */
export interface Gallery {
  readonly kind: "gallery";
  readonly caption: string;
  readonly items: readonly {
    /** A `data:` URL. */
    readonly source: string;
    readonly alternative: string;
    readonly caption: string;
  }[];
}

/** What is shown when it is asked for. */
export interface Foldout {
  readonly kind: "fold";
  readonly summary: string;
  /** Whether it is shown at first. @defaultValue false */
  readonly open?: boolean;
  readonly content: readonly Block[];
}

/** What a section is made of. */
export type Block = Prose | List | Note | Facts | PageTable | Figure | Gallery | Foldout;

/** A part of a page with its heading. */
export interface Section {
  readonly title: string;
  readonly content: readonly Block[];
}

/** A page that stands alone. */
export interface Page {
  readonly title: string;
  /** What the page is about, in a sentence or two. */
  readonly lead: Text;
  readonly sections: readonly Section[];
  /** How it came to be: command, versions, date. */
  readonly origin: Text;
  /** After so many seconds a browser asks for it anew. @defaultValue never */
  readonly refreshSeconds?: number;
}

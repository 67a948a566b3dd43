/** A phrase that readers had to read twice. */
export interface WornPhrase {
  readonly pattern: RegExp;
  /** What to write in its place. */
  readonly instead: string;
}

/** What comes back into no page, message or comment. */
export const wornPhrases: readonly WornPhrase[] = [
  { pattern: /\b(numbers?|columns?|values?) to (be told|tell)\b/i, instead: "to predict" },
  { pattern: /\bwhat (a|the) model (told|tells)\b/i, instead: "what the model predicts" },
  { pattern: /\btold?s? \d+(\.\d+)? % of .{0,30}\bright\b/i, instead: "accuracy" },
  { pattern: /\bof the rows \d/i, instead: "80 % of the rows are for training" },
  { pattern: /\b(are|is|were) learned from\b/i, instead: "are for training" },
  { pattern: /\bto learn from\b/i, instead: "to train on" },
  { pattern: /\bnobody here made\b/i, instead: "from other tools" },
  { pattern: /\b(its|their|name and|file) rights\b/i, instead: "permissions" },
  { pattern: /\bof a deviation\b/i, instead: "of a standard deviation, σ" },
  { pattern: /\boff those of\b/i, instead: "off by … σ" },
  { pattern: /\bmade ill\b|\billness(es)?\b/i, instead: "damaged, damage" },
  {
    pattern: /\btaken for what it is\b|\bthe share of what is\b/i,
    instead: "of the samples predicted as this class, the share that are",
  },
  { pattern: /\bas far as (these|the) data tell\b/i, instead: "as far as these data show" },
  { pattern: /\bbe rid of\b/i, instead: "remove, replace" },
  { pattern: /\bnothing (that )?tells\b/i, instead: "is unknown" },
  { pattern: /\bwhat one looks at\b|\bwhich there are\b/i, instead: "a noun" },
];

/** Docstrings that say nothing. */
export const emptyDocstrings: readonly RegExp[] = [
  /\/\*\*\s*\*\//,
  /\/\*\* (Checked|None|Upwards|Downwards|The same|As above|See above|Its name|Of the \w+|The (value|name|type))\.? \*\//,
];

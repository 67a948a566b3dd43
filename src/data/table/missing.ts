/** Which texts of a table say nothing, in lower case. */
export interface MissingTexts {
  /** In any column. */
  readonly everywhere: readonly string[];
  /** In columns of numbers besides. */
  readonly amongNumbers: readonly string[];
}

/** What spreadsheets, databases, R and pandas write for a missing value. */
export const missingTexts: MissingTexts = {
  everywhere: ["", "?", "na", "n/a", "#n/a", "null", "none", "nan", "<na>"],
  amongNumbers: ["-"],
};

/** What 0.1.0 took for missing: its models hold no list of their own. */
export const missingTextsOf010: MissingTexts = {
  everywhere: ["", "?", "na", "n/a", "#n/a", "null", "none"],
  amongNumbers: [],
};

/** Whether a cell says nothing. */
export function isMissing(cell: string, { everywhere, amongNumbers }: MissingTexts, isAmongNumbers: boolean): boolean {
  const text = cell.trim().toLowerCase();
  return everywhere.includes(text) || (isAmongNumbers && amongNumbers.includes(text));
}

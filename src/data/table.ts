import { DataError } from "../errors.js";
import { shown } from "../shown.js";

/** Rows of text under named columns, as a CSV file holds them. */
export interface Table {
  /** The name of each column. */
  readonly columns: readonly string[];
  /** One text for each column. */
  readonly rows: readonly (readonly string[])[];
  /** What messages call the table. @defaultValue "table" */
  readonly name?: string;
  /** Where each row stands in its file, for messages. @defaultValue 2, 3, …: the header is row 1 */
  readonly rowNumbers?: readonly number[];
}

/** What a column holds. */
export type ColumnKind = "number" | "category";

const missing = new Set(["", "?", "na", "n/a", "#n/a", "null", "none"]);
// One way to match each text: a long cell must not be tried in quadratic time.
const numeric = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const withComma = /^[+-]?\d[\d.]*,[\d,]*\d(\.\d+)?$/;
const nonFinite = /^[+-]?(inf|infinity|nan)$/i;

/** Whether a cell says nothing: it is empty, or `?`, `NA`, `N/A`, `#N/A`, `null` or `None`, in any case. */
export function isMissing(cell: string): boolean {
  return missing.has(cell.trim().toLowerCase());
}

/**
 * The number that a cell writes, or null if it is none; `inf`, `NaN` and numbers beyond float64 are numbers that are
 * not finite.
 */
export function numberOf(cell: string): number | null {
  const text = cell.trim();
  if (numeric.test(text)) return Number(text);
  return nonFinite.test(text) ? Number.NaN : null;
}

/**
 * A column is of numbers if more than half of what it says is.
 *
 * @throws DataError if more than half of it is numbers with a comma, which would be taken for as many texts
 */
export function kindOf(table: Table, column: number): ColumnKind {
  const said = table.rows.map((row) => row[column]).filter((cell) => !isMissing(cell));
  const numbers = said.filter((cell) => numberOf(cell) !== null).length;
  if (2 * numbers >= said.length) return "number";
  if (2 * said.filter(hasComma).length <= said.length) return "category";
  const row = table.rows.findIndex((cells) => hasComma(cells[column]));
  throw new DataError({
    where: `${rowName(table, row)}, column ${table.columns[column]}`,
    expected: "numbers such as 1234.5",
    received: shown(table.rows[row][column]),
    cure: "Write a point before decimals, and nothing between thousands.",
  });
}

function hasComma(cell: string): boolean {
  return withComma.test(cell.trim());
}

/** Where a column stands. @throws DataError if there is none of this name */
export function columnOf(table: Table, name: string): number {
  const place = table.columns.indexOf(name);
  return place >= 0 ? place : missingColumn(table, name);
}

/** Where columns stand, by name: for several, which would otherwise be looked for one by one. */
export function columnFinder(table: Table): (name: string) => number {
  const places = new Map<string, number>();
  for (const [place, column] of table.columns.entries()) if (!places.has(column)) places.set(column, place);
  return (name) => places.get(name) ?? missingColumn(table, name);
}

function missingColumn(table: Table, name: string): never {
  throw new DataError({
    where: table.name ?? "table",
    expected: `a column ${JSON.stringify(name)}`,
    received: `the columns ${listed(table.columns)}`,
    cure: "Name one of them, or add it.",
  });
}

/** Names, at most ten of them. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}

/** A row as messages name it. */
export function rowName({ name = "table", rowNumbers }: Table, row: number): string {
  return `${name}, row ${rowNumbers?.[row] ?? row + 2}`;
}

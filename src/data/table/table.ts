import { DataError } from "../../errors.js";
import { nearest } from "../../nearest.js";
import { shown } from "../../shown.js";
import { isMissing, missingTexts } from "./missing.js";
import { hasGroups, isKnownUnit, isOtherDate, isPlainUnit, type Quantity, quantityOf } from "./quantity.js";

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

/** What a column holds, and the unit of its numbers: "" for none. */
export interface ColumnContent {
  readonly kind: ColumnKind;
  readonly unit: string;
}

/**
 * A column is of numbers if half of what it says is, in one unit if they have one.
 *
 * @throws DataError if its numbers have a comma or several units, or its dates cannot be read in one way: it would
 * become as many texts
 */
export function contentOf(table: Table, column: number): ColumnContent {
  const said = table.rows.map((row) => row[column]).filter((cell) => !isMissing(cell, missingTexts, true));
  const quantities = said.map(quantityOf).filter((quantity): quantity is Quantity => quantity !== null);
  const counts = new Map<string, number>();
  for (const { unit } of quantities) counts.set(unit, (counts.get(unit) ?? 0) + 1);
  const isHalf = (count = 0): boolean => 2 * count >= said.length;
  if (isHalf(counts.get(""))) return { kind: "number", unit: "" };
  const units = [...counts.keys()].sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
  const [unit] = units;
  // A letter may be a unit or the name of a row of seats: it counts where it is the only one.
  const isUnit = isPlainUnit(unit ?? "") || (units.length === 1 && isKnownUnit(unit));
  if (isUnit ? isHalf(counts.get(unit)) : units.length === 1 && quantities.length === said.length) {
    return { kind: "number", unit };
  }
  const refuse = (isBad: (cell: string) => boolean, expected: string, cure: string): never => {
    const row = table.rows.findIndex((cells) => isBad(cells[column]));
    const where = `${rowName(table, row)}, column ${table.columns[column]}`;
    throw new DataError({ where, expected, received: shown(table.rows[row][column]), cure });
  };
  const named = units.filter((one) => one !== "");
  if (isHalf(quantities.length) && named.every(isKnownUnit) && named.some(isPlainUnit)) {
    const cure = `Write all in one unit; there are ${units.map((one) => one || "none").join(", ")}.`;
    refuse((cell) => quantityOf(cell)?.unit === units[1], `numbers in one unit, such as ${units[0] || "none"}`, cure);
  }
  const isMost = (isBad: (cell: string) => boolean): boolean => 2 * said.filter(isBad).length > said.length;
  if (isMost(hasGroups)) {
    const cure = "Write a point before decimals, and nothing between thousands, or leave the column out.";
    refuse(hasGroups, "numbers such as 1234.5", cure);
  }
  if (isMost(isOtherDate)) {
    refuse(isOtherDate, "dates such as 2024-01-31", "Write year, month and day in this order, with hyphens.");
  }
  return { kind: "category", unit: "" };
}

/** The number that a cell without a unit writes, or null; not finite where it is `inf`, `NaN` or beyond float64. */
export function numberOf(cell: string): number | null {
  const quantity = quantityOf(cell);
  return quantity?.unit === "" ? quantity.value : null;
}

/** Whether float32 holds a number, which every tensor does in the end. */
export function fitsFloat32(value: number): boolean {
  return Number.isFinite(Math.fround(value));
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
  const near = nearest(name, table.columns);
  throw new DataError({
    where: table.name ?? "table",
    expected: `a column ${JSON.stringify(name)}`,
    received: `the columns ${listed(table.columns)}`,
    cure: near === null ? "Name one of them, or add it." : `Did you mean ${near}?`,
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

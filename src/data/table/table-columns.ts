import { DataError } from "../../errors.js";
import { checkOptions } from "../../options.js";
import { shown } from "../../shown.js";
import { warn } from "../../warnings.js";
import type { Task } from "../dataset.js";
import { isClassList, sayClasses, sayNumbers } from "../target-task.js";
import { isMissing, type MissingTexts, missingTexts } from "./missing.js";
import { dateUnit, quantityOf } from "./quantity.js";
import { sayMarks, sayReadings } from "./say-readings.js";
import { type ColumnKind, columnFinder, contentOf, rowName, type Table } from "./table.js";

/** A column and what it holds. */
export interface Column {
  /** As in the header. */
  readonly name: string;
  /** What it holds. */
  readonly kind: ColumnKind;
  /**
   * Numbers: the unit that stands with each, such as `%`, `$` or `kg`; `date` for dates, as days.
   *
   * @defaultValue none
   */
  readonly unit?: string;
}

/** Options of {@link tableColumns}. */
export interface TableColumnsOptions {
  /** The column to predict. @defaultValue the last */
  readonly target?: string | undefined;
  /** Columns to leave out: names, or several in one text with commas between. @defaultValue none */
  readonly ignore?: readonly string[] | undefined;
  /**
   * @defaultValue classes if the target is of text, has two values at most, or whole numbers 0 to k − 1, each twice or
   * more; else regression
   */
  readonly task?: Task | undefined;
}

/** What is learnt from which columns of a table. */
export interface TableColumns {
  /** What it is learnt from. */
  readonly inputs: readonly Column[];
  /** Of categories in a classification, of numbers in a regression. */
  readonly target: Column;
  /** What is a missing value. @defaultValue what this version takes for one */
  readonly missing?: MissingTexts;
}

/**
 * Separates the target of a table from its inputs, and numbers from categories: a column is of numbers if half of what
 * it says is. Numbers may have a unit (`45%`, `$52`, `20kg`), the same in the whole column; ISO dates are numbers of
 * days. A target of numbers that is taken for classes is a warning.
 *
 * @throws DataError if there is no such column, no input is left, or a column's numbers are written with a
 * comma or in several units
 */
export function tableColumns(table: Table, options: TableColumnsOptions = {}): TableColumns {
  checkOptions("tableColumns(table)", options, { target: true, ignore: true, task: true });
  const { target, ignore = [], task } = options;
  const placeOf = columnFinder(table);
  const goal = placeOf(target ?? table.columns[table.columns.length - 1] ?? "");
  if (target === undefined) sayLast(table, ignore);
  const ignored = columnsNamed(table, ignore);
  const inputs = table.columns.flatMap((name, k): Column[] =>
    k === goal || ignored.has(k) ? [] : [column(name, contentOf(table, k))],
  );
  if (inputs.length === 0) {
    throw new DataError({
      where: table.name ?? "table",
      expected: "an input column beside the target",
      received: `only ${table.columns.join(", ")}`,
      cure: "Separate columns by commas, and leave at least one.",
    });
  }
  return { inputs, target: targetColumn(table, goal, task) };
}

/** What people call the column to predict. */
const targetName = /^(target|labels?|class|classes|y)$/i;

/** Says that the last column is predicted, where another one has the name of a target. */
function sayLast({ columns, name = "table" }: Table, ignore: readonly string[]): void {
  const last = columns[columns.length - 1] ?? "";
  const other = columns.find((one) => targetName.test(one));
  if (other === undefined || targetName.test(last) || ignore.includes(other)) return;
  warn(
    `${name}: column ${last} is taken for what is predicted, since it is the last, and ${other} for an input. If ${other} ` +
      `is to be predicted, pass { target: ${JSON.stringify(other)} }.`,
  );
}

function column(name: string, { kind, unit }: ReturnType<typeof contentOf>): Column {
  return unit === "" ? { name, kind } : { name, kind, unit };
}

function targetColumn(table: Table, place: number, task: Task | undefined): Column {
  const name = table.columns[place];
  if (task === "classification") return { name, kind: "category" };
  const found = contentOf(table, place);
  const cells = table.rows.map((row) => row[place]).filter((cell) => !isMissing(cell, missingTexts, true));
  const where = `${table.name ?? "table"}, column ${name}`;
  const ofMarks = "remove those rows";
  if (task === "regression") {
    if (found.kind === "category") return { name, kind: "number" };
    if (found.unit === "") sayMarks(where, cells, ofMarks);
    return column(name, found);
  }
  if (found.kind === "category") return { name, kind: "category" };
  const values = cells.map((cell) => quantityOf(cell)?.value ?? Number.NaN);
  if (!isClassList(values)) {
    const isPlain = found.unit === "" && !sayNumbers(where, values);
    if (isPlain) sayReadings(where, cells, { ofNames: 'pass { task: "classification" }', ofMarks });
    return column(name, found);
  }
  sayClasses(where, values);
  return { name, kind: "category" };
}

/**
 * Where the columns stand that texts name: each a name, or several with commas between, the longest that fits first.
 *
 * @throws DataError if there is none of a name
 */
export function columnsNamed(table: Table, texts: readonly string[]): Set<number> {
  const placeOf = columnFinder(table);
  const names = new Set(table.columns);
  const places = new Set<number>();
  for (const text of texts) {
    let parts = names.has(text) ? [] : text.split(",");
    if (parts.length === 0) places.add(placeOf(text));
    while (parts.length > 0) {
      let length = parts.length;
      while (length > 1 && !names.has(parts.slice(0, length).join(",").trim())) length--;
      places.add(placeOf(parts.slice(0, length).join(",").trim()));
      parts = parts.slice(length);
    }
  }
  return places;
}

/** A table without the rows that cannot be used. */
export interface CheckedTable {
  readonly table: Table;
  /** How many rows were dropped. */
  readonly dropped: number;
}

/**
 * Refuses the first row with a text where numbers are, a number that is not finite, or no target; or drops all such
 * rows.
 *
 * @param target - null where none is needed
 * @throws DataError naming row and column
 */
export function checkRows(
  table: Table,
  { inputs, target, missing = missingTexts }: Omit<TableColumns, "target"> & { readonly target: Column | null },
  skipBadRows = false,
): CheckedTable {
  const columns = [...inputs, ...(target === null ? [] : [target])];
  const placeOf = columnFinder(table);
  const places = columns.map(({ name }) => placeOf(name));
  const kept: number[] = [];
  for (const [r, row] of table.rows.entries()) {
    const bad = columns.findIndex((column, k) => faultOf(row[places[k]], column, column === target, missing) !== null);
    if (bad < 0) {
      kept.push(r);
    } else if (!skipBadRows) {
      const column = columns[bad];
      const isTarget = column === target;
      throw new DataError({
        where: `${rowName(table, r)}, column ${column.name}`,
        expected: faultOf(row[places[bad]], column, isTarget, missing) ?? "",
        received: shown(row[places[bad]]),
        cure: `Correct it, ${isTarget ? "" : "leave the column out, "}or drop such rows ({ skipBadRows: true }).`,
      });
    }
  }
  if (kept.length === table.rows.length) return { table, dropped: 0 };
  const rowNumbers = kept.map((r) => table.rowNumbers?.[r] ?? r + 2);
  return {
    table: { ...table, rows: kept.map((r) => table.rows[r]), rowNumbers },
    dropped: table.rows.length - kept.length,
  };
}

/** What was expected of a cell instead; null if it is in order. */
function faultOf(cell: string, { kind, unit = "" }: Column, isTarget: boolean, missing: MissingTexts): string | null {
  if (isMissing(cell, missing, kind === "number")) return isTarget ? "a target value" : null;
  if (kind === "category") return null;
  const quantity = quantityOf(cell);
  const wanted = unit === dateUnit ? "a date such as 2024-01-31" : unit === "" ? "a number" : `a number in ${unit}`;
  if (quantity?.unit !== unit) return isTarget ? wanted : `${wanted}, as in most rows`;
  return Number.isFinite(quantity.value) ? null : "a finite number";
}

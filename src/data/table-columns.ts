import { DataError } from "../errors.js";
import { shown } from "../shown.js";
import type { Task } from "./dataset.js";
import { type ColumnKind, columnFinder, isMissing, kindOf, numberOf, rowName, type Table } from "./table.js";

/** A column and what it holds. */
export interface Column {
  /** As in the header. */
  readonly name: string;
  /** What it holds. */
  readonly kind: ColumnKind;
}

/** Options of {@link tableColumns}. */
export interface TableColumnsOptions {
  /** The column to be told. @defaultValue the last */
  readonly target?: string | undefined;
  /** Columns to leave out. @defaultValue none */
  readonly ignore?: readonly string[] | undefined;
  /** @defaultValue classes if the target is of text or has two values at most, else regression */
  readonly task?: Task | undefined;
}

/** What is learnt from which columns of a table. */
export interface TableColumns {
  /** What it is learnt from. */
  readonly inputs: readonly Column[];
  /** Of categories in a classification, of numbers in a regression. */
  readonly target: Column;
}

/**
 * Tells the target of a table from its inputs, and numbers from categories: a column is of numbers if more than half of
 * what it says is.
 *
 * @throws DataError if there is no such column, nothing is left to learn from, or a column's numbers are written with a
 * comma
 */
export function tableColumns(table: Table, { target, ignore = [], task }: TableColumnsOptions = {}): TableColumns {
  const placeOf = columnFinder(table);
  const goal = placeOf(target ?? table.columns[table.columns.length - 1] ?? "");
  const ignored = new Set(ignore.map(placeOf));
  const inputs = table.columns.flatMap((name, k): Column[] =>
    k === goal || ignored.has(k) ? [] : [{ name, kind: kindOf(table, k) }],
  );
  if (inputs.length === 0) {
    throw new DataError({
      where: table.name ?? "table",
      expected: "an input column beside the target",
      received: `only ${table.columns.join(", ")}`,
      cure: "Separate columns by commas, and leave at least one.",
    });
  }
  return { inputs, target: { name: table.columns[goal], kind: targetKind(table, goal, task) } };
}

function targetKind(table: Table, column: number, task: Task | undefined): ColumnKind {
  if (task !== undefined) return task === "regression" ? "number" : "category";
  if (kindOf(table, column) === "category") return "category";
  const values = new Set(table.rows.map((row) => row[column]).filter((cell) => !isMissing(cell)));
  return values.size > 2 ? "number" : "category";
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
  { inputs, target }: { readonly inputs: readonly Column[]; readonly target: Column | null },
  skipBadRows = false,
): CheckedTable {
  const columns = [...inputs, ...(target === null ? [] : [target])];
  const placeOf = columnFinder(table);
  const places = columns.map(({ name }) => placeOf(name));
  const kept: number[] = [];
  for (const [r, row] of table.rows.entries()) {
    const bad = columns.findIndex((column, k) => faultOf(row[places[k]], column, column === target) !== null);
    if (bad < 0) {
      kept.push(r);
    } else if (!skipBadRows) {
      const column = columns[bad];
      const isTarget = column === target;
      throw new DataError({
        where: `${rowName(table, r)}, column ${column.name}`,
        expected: faultOf(row[places[bad]], column, isTarget) ?? "",
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
function faultOf(cell: string, { kind }: Column, isTarget: boolean): string | null {
  if (isMissing(cell)) return isTarget ? "a target value" : null;
  if (kind === "category") return null;
  const value = numberOf(cell);
  if (value === null) return isTarget ? "a number" : "a number, as in most rows";
  return Number.isFinite(value) ? null : "a finite number";
}

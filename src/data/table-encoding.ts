import { DataError } from "../errors.js";
import { momentsOf } from "./moments.js";
import { columnFinder, isMissing, numberOf, type Table } from "./table.js";
import { type Column, checkRows, type TableColumns } from "./table-columns.js";

/** A column of numbers becomes (value − mean) / deviation; a missing value becomes 0, the mean. */
export interface NumberEncoding {
  /** As in the header. */
  readonly name: string;
  /** What it holds. */
  readonly kind: "number";
  /** Of the training rows. */
  readonly mean: number;
  /** Of the training rows, > 0. */
  readonly deviation: number;
}

/**
 * A column of text becomes one input for each value: 1 for the cell's own, else 0; all 0 for a value that training had
 * not.
 */
export interface CategoryEncoding {
  /** As in the header. */
  readonly name: string;
  /** What it holds. */
  readonly kind: "category";
  /** What was met in training, in ascending order; "" stands for missing ones. */
  readonly values: readonly string[];
}

/** How a column becomes inputs of a network. */
export type ColumnEncoding = NumberEncoding | CategoryEncoding;

/** How rows of a table become inputs of a network. It survives JSON, so that a model's file can hold it. */
export interface TableEncoding {
  /** Their inputs stand one after another. */
  readonly inputs: readonly ColumnEncoding[];
  /** The column to be told. */
  readonly target: string;
}

const mostValues = 1000;
/** From so many rows on, a column of text in which no two are equal is taken for names or numbers of the rows. */
const identifierRows = 20;

/**
 * How the columns of a table become inputs: numbers by mean and deviation, texts by one input for each value (one-hot).
 *
 * @param rows - the numbers of the training rows, the only ones looked at
 * @throws DataError if a column of text has more than 1000 values, or names each row
 * @example
 * ```ts
 * const table = { columns: ["size", "kind", "price"], rows: [["1", "a", "5"], ["3", "b", "9"], ["", "a", "7"]] };
 * const encoding = fitTable(table, tableColumns(table), [0, 1, 2]);
 * encodeTable(table, encoding); // Float32Array [-1, 1, 0, 1, 0, 1, 0, 1, 0]
 * ```
 */
export function fitTable(table: Table, { inputs, target }: TableColumns, rows: ArrayLike<number>): TableEncoding {
  const placeOf = columnFinder(table);
  return { inputs: inputs.map((column) => fitColumn(table, column, placeOf(column.name), rows)), target: target.name };
}

function fitColumn(table: Table, { name, kind }: Column, place: number, rows: ArrayLike<number>): ColumnEncoding {
  const cells = Array.from(rows, (row) => table.rows[row][place]);
  if (kind === "number")
    return { name, kind, ...momentsOf(cells.filter((cell) => !isMissing(cell)).map((cell) => numberOf(cell) ?? 0)) };
  const values = [...new Set(cells.map(categoryOf))].sort();
  const isIdentifier = values.length === cells.length && cells.length >= identifierRows;
  if (values.length <= mostValues && !isIdentifier) return { name, kind, values };
  throw new DataError({
    where: `${table.name ?? "table"}, column ${name}`,
    expected: `text of at most ${mostValues} values that repeat`,
    received: isIdentifier ? `a different one in each of ${cells.length} rows` : String(values.length),
    cure: `Leave the column out ({ ignore: [${JSON.stringify(name)}] }), or group its values.`,
  });
}

/** The category of a cell; all missing ones are one. */
export function categoryOf(cell: string): string {
  return isMissing(cell) ? "" : cell.trim();
}

/** How many inputs a row becomes. */
export function encodedWidth({ inputs }: TableEncoding): number {
  return inputs.reduce((width, column) => width + (column.kind === "number" ? 1 : column.values.length), 0);
}

/**
 * Rows as inputs of a network, row-major: (rows, {@link encodedWidth}). Columns are found by name; others may be there.
 *
 * @throws DataError if a column is missing, or a cell holds a text or a number that is not finite where numbers are,
 * naming row and column
 */
export function encodeTable(table: Table, encoding: TableEncoding): Float32Array {
  checkRows(table, { inputs: encoding.inputs, target: null });
  const width = encodedWidth(encoding);
  const values = new Float32Array(table.rows.length * width);
  const placeOf = columnFinder(table);
  let at = 0;
  for (const column of encoding.inputs) {
    const place = placeOf(column.name);
    if (column.kind === "number") {
      for (const [r, row] of table.rows.entries()) {
        const cell = row[place];
        values[r * width + at] = isMissing(cell) ? 0 : ((numberOf(cell) ?? 0) - column.mean) / column.deviation;
      }
      at++;
    } else {
      const indices = new Map(column.values.map((value, k) => [value, k]));
      for (const [r, row] of table.rows.entries()) {
        const k = indices.get(categoryOf(row[place]));
        if (k !== undefined) values[r * width + at + k] = 1;
      }
      at += column.values.length;
    }
  }
  return values;
}

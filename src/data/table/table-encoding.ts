import { DataError } from "../../errors.js";
import { warn } from "../../warnings.js";
import { momentsOf, standardized } from "../moments.js";
import { isMissing, type MissingTexts, missingTexts, missingTextsOf010 } from "./missing.js";
import { quantityOf } from "./quantity.js";
import { sayReadings } from "./say-readings.js";
import { sayTwins } from "./say-twins.js";
import { columnFinder, type Table } from "./table.js";
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
  /** The unit that stands with each number; `date`: dates, as days since 1970. @defaultValue none */
  readonly unit?: string;
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
  /** The column to predict. */
  readonly target: string;
  /** The unit of its numbers. @defaultValue none */
  readonly targetUnit?: string;
  /** What is a missing value. @defaultValue as in 0.1.0, whose files do not say it */
  readonly missing?: MissingTexts;
}

const mostValues = 1000;
/** From so many rows on, a column of text in which no two are equal is taken for names or numbers of the rows. */
const identifierRows = 20;
/** From so many rows on, a column of text is worth a warning whose values are more than half as many. */
const manyRows = 50;

/**
 * How the columns of a table become inputs: numbers by mean and deviation, texts by one input for each value (one-hot).
 *
 * @param rows - the numbers of the training rows, the only ones looked at
 * Columns of text with almost as many values as rows, and columns that only number the rows, are warnings.
 *
 * @throws DataError if a column of text has more than 1000 values, or names each row
 * @example
 * ```ts
 * const table = { columns: ["size", "kind", "price"], rows: [["1", "a", "5"], ["3", "b", "9"], ["", "a", "7"]] };
 * const encoding = fitTable(table, tableColumns(table), [0, 1, 2]);
 * encodeTable(table, encoding); // Float32Array [-1, 1, 0, 1, 0, 1, 0, 1, 0]
 * ```
 */
export function fitTable(table: Table, columns: TableColumns, rows: ArrayLike<number>): TableEncoding {
  const { inputs, target, missing = missingTexts } = columns;
  const placeOf = columnFinder(table);
  return {
    inputs: inputs.map((column) => fitColumn(table, column, placeOf(column.name), rows, missing)),
    target: target.name,
    ...(target.unit === undefined ? {} : { targetUnit: target.unit }),
    missing,
  };
}

function fitColumn(
  table: Table,
  column: Column,
  place: number,
  rows: ArrayLike<number>,
  missing: MissingTexts,
): ColumnEncoding {
  const { name, kind, unit } = column;
  const cells = Array.from(rows, (row) => table.rows[row][place]);
  const where = `${table.name ?? "table"}, column ${name}`;
  const leaving = `eave the column out ({ ignore: [${JSON.stringify(name)}] })`;
  const leaveOut = `L${leaving}`;
  if (kind === "number") {
    const said = cells.filter((cell) => !isMissing(cell, missing, true));
    if (numbersRows(table, name, place)) {
      warn(`${where}: expected numbers that describe the rows, got row numbers. ${leaveOut} if they mean nothing.`);
    } else if (unit === undefined) {
      sayReadings(where, said, { ofNames: `l${leaving}`, ofMarks: "leave those cells empty" });
    }
    const moments = momentsOf(said.map((cell) => quantityOf(cell)?.value ?? 0));
    return { name, kind, ...moments, ...(unit === undefined ? {} : { unit }) };
  }
  const values = [...new Set(cells.map((cell) => categoryOf(cell, missing)))].sort();
  sayTwins(where, values);
  const isIdentifier = values.length === cells.length && cells.length >= identifierRows;
  if (values.length <= mostValues && !isIdentifier) {
    if (cells.length >= manyRows && 2 * values.length > cells.length) {
      const received = `${values.length} different ones in ${cells.length} rows, each an input of its own`;
      warn(`${where}: expected texts that repeat, got ${received}. ${leaveOut}, or group its values.`);
    }
    return { name, kind, values };
  }
  throw new DataError({
    where,
    expected: `text of at most ${mostValues} values that repeat`,
    received: isIdentifier ? `a different one in each of ${cells.length} rows` : String(values.length),
    cure: `${leaveOut}, or group its values.`,
  });
}

/** What pandas, R and people call a column that only counts the rows. */
const counterName = /^(unnamed: \d+|\.\.\.\d+|index|id|row|rows|row_?names?|row_?id|row_?number)$/i;

/** Whether a column holds the numbers of the rows in their order, from 0 or 1, and its name says no more. */
function numbersRows({ rows }: Table, name: string, place: number): boolean {
  if (!counterName.test(name) || rows.length < identifierRows) return false;
  const first = Number(rows[0][place]);
  return (first === 0 || first === 1) && rows.every((row, k) => Number(row[place]) === first + k);
}

/** The category of a cell; all missing ones are one. */
export function categoryOf(cell: string, missing: MissingTexts): string {
  return isMissing(cell, missing, false) ? "" : cell.trim();
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
  return encodeRows(table, encoding).values;
}

/** Texts of a column that training had not: they have no input. */
export interface UnseenCategories {
  readonly column: string;
  /** As they stand in the table, each once. */
  readonly texts: readonly string[];
  /** How many rows hold one of them. */
  readonly rows: number;
}

/** As {@link encodeTable}, with the categories that training had not. */
export function encodeRows(
  table: Table,
  encoding: TableEncoding,
): { readonly values: Float32Array; readonly unseen: readonly UnseenCategories[] } {
  const { missing = missingTextsOf010 } = encoding;
  checkRows(table, { inputs: encoding.inputs, target: null, missing });
  const width = encodedWidth(encoding);
  const values = new Float32Array(table.rows.length * width);
  const placeOf = columnFinder(table);
  const unseen: UnseenCategories[] = [];
  let at = 0;
  for (const column of encoding.inputs) {
    const place = placeOf(column.name);
    if (column.kind === "number") {
      for (const [r, row] of table.rows.entries()) {
        const cell = row[place];
        const value = isMissing(cell, missing, true) ? column.mean : (quantityOf(cell)?.value ?? 0);
        values[r * width + at] = standardized(value, column);
      }
      at++;
    } else {
      const indices = new Map(column.values.map((value, k) => [value, k]));
      const texts = new Set<string>();
      let rows = 0;
      for (const [r, row] of table.rows.entries()) {
        const category = categoryOf(row[place], missing);
        const k = indices.get(category);
        if (k !== undefined) values[r * width + at + k] = 1;
        else {
          texts.add(category);
          rows++;
        }
      }
      if (rows > 0) unseen.push({ column: column.name, texts: [...texts], rows });
      at += column.values.length;
    }
  }
  return { values, unseen };
}

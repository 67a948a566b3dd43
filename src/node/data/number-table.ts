import { fitsFloat32, numberOf, rowName, type Table } from "../../data/table/table.js";
import { columnsNamed } from "../../data/table/table-columns.js";
import { DataError } from "../../errors.js";
import { shown } from "../../shown.js";
import { arraySamples, type Samples } from "./samples.js";

/** Options of {@link numberTable}. */
export interface NumberTableOptions {
  readonly ignore?: readonly string[] | undefined;
  readonly skipBadRows?: boolean | undefined;
}

/**
 * A table as a model of another system takes it: the numbers of its columns as they are, in their order.
 *
 * @throws DataError naming row and column of the first cell that is no finite number, unless such rows are to be left
 * out
 */
export function numberTable(
  table: Table,
  { ignore = [], skipBadRows = false }: NumberTableOptions,
): { readonly samples: Samples; readonly dropped: number } {
  const ignored = columnsNamed(table, ignore);
  const columns = table.columns.map((_, k) => k).filter((k) => !ignored.has(k));
  const kept: number[] = [];
  const values: number[] = [];
  for (const [r, row] of table.rows.entries()) {
    const numbers = columns.map((k) => numberOf(row[k]) ?? Number.NaN);
    const bad = numbers.findIndex((value) => !fitsFloat32(value));
    if (bad < 0) {
      kept.push(table.rowNumbers?.[r] ?? r + 2);
      for (const value of numbers) values.push(value);
    } else if (!skipBadRows) {
      throw new DataError({
        where: `${rowName(table, r)}, column ${table.columns[columns[bad]]}`,
        expected: "a finite number",
        received: shown(row[columns[bad]]),
        cure: "Correct it, leave the column out ({ ignore }), or drop such rows ({ skipBadRows: true }).",
      });
    }
  }
  if (values.length === 0) {
    const cure = "Leave columns of numbers, and rows that hold them.";
    throw new DataError({ where: table.name ?? "table", expected: "numbers", received: "none", cure });
  }
  const samples = arraySamples(Float64Array.from(values), [columns.length], null, kept);
  return { samples, dropped: table.rows.length - kept.length };
}

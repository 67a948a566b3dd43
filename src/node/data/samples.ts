import type { ImageLayout } from "../../data/image-layout.js";
import { fitPreprocessing, type Preprocessing, type StoredValues } from "../../data/preprocessing.js";
import { missingTexts } from "../../data/table/missing.js";
import { oneNamePerNumber } from "../../data/table/number-classes.js";
import { quantityOf } from "../../data/table/quantity.js";
import { columnOf, type Table } from "../../data/table/table.js";
import type { TableColumns } from "../../data/table/table-columns.js";
import {
  categoryOf,
  encodedWidth,
  encodeRows,
  fitTable,
  type TableEncoding,
  type UnseenCategories,
} from "../../data/table/table-encoding.js";
import { DataError } from "../../errors.js";
import { type Shape, sizeOf } from "../../shape.js";

/** The target of each sample: the name of its class, or numbers, row-major (N, outputs). */
export type Targets =
  | { readonly task: "classification"; readonly names: readonly string[] }
  | { readonly task: "regression"; readonly values: Float64Array; readonly outputs: number };

/** How stored samples become inputs of a network: what a saved model remembers of its data. */
export interface InputEncoding {
  readonly preprocessing?: Preprocessing;
  readonly table?: TableEncoding;
  /** Where the channels of its arrays stand, if behind the rows. */
  readonly layout?: ImageLayout;
}

/** Samples as their file holds them. */
export interface Samples {
  /** How many. */
  readonly length: number;
  /** Where a sample stands in its file: a row of a table, the header being row 1, or a number from 0. */
  rowNumber(sample: number): number;
  /** What stood in the input columns of a sample's row; absent where there is no table. */
  cells?(sample: number, encoding: InputEncoding): readonly string[];
  /** Null where there are no targets. */
  readonly targets: Targets | null;
  /** Learns from some rows, those of training, what brings inputs to the scale of a network. */
  fit(rows: ArrayLike<number>): InputEncoding;
  /** All inputs, row-major, the shape of one, and the categories among them that training had not. */
  encode(encoding: InputEncoding): EncodedInputs;
}

/** Inputs as a network takes them. */
export interface EncodedInputs {
  readonly inputs: StoredValues;
  readonly shape: Shape;
  readonly unseen?: readonly UnseenCategories[];
}

/** Samples in one array: images, or numbers; `rows` says where they stand in their file, if some were left out. */
export function arraySamples(
  inputs: StoredValues,
  shape: Shape,
  targets: Targets | null,
  rows?: readonly number[],
  layout?: ImageLayout,
): Samples {
  return {
    length: inputs.length / sizeOf(shape),
    rowNumber: (sample) => rows?.[sample] ?? sample,
    targets,
    fit: (training) => ({
      preprocessing: fitPreprocessing(inputs, shape, training),
      ...(layout === "nhwc" ? { layout } : {}),
    }),
    encode: () => ({ inputs, shape }),
  };
}

/** Samples in the rows of a table that has been checked. */
export function tableSamples(table: Table, columns: TableColumns, hasTargets: boolean): Samples {
  return {
    length: table.rows.length,
    rowNumber: (sample) => table.rowNumbers?.[sample] ?? sample + 2,
    cells: (sample, { table: encoding }) =>
      (encoding?.inputs ?? []).map(({ name }) => table.rows[sample][columnOf(table, name)]),
    targets: hasTargets ? tableTargets(table, columns) : null,
    fit: (rows) => ({ table: fitTable(table, columns, rows) }),
    encode({ table: encoding }) {
      if (encoding === undefined) {
        throw new DataError({
          where: table.name ?? "table",
          expected: "data like the training data",
          received: "a table",
          cure: "Pass data of the same kind.",
        });
      }
      const { values, unseen } = encodeRows(table, encoding);
      return { inputs: values, shape: [encodedWidth(encoding)], unseen };
    },
  };
}

function tableTargets(table: Table, { target, missing = missingTexts }: TableColumns): Targets {
  const place = columnOf(table, target.name);
  const cells = table.rows.map((row) => row[place]);
  if (target.kind === "category")
    return { task: "classification", names: oneNamePerNumber(cells.map((cell) => categoryOf(cell, missing))) };
  return {
    task: "regression",
    values: Float64Array.from(cells, (cell) => quantityOf(cell)?.value ?? Number.NaN),
    outputs: 1,
  };
}

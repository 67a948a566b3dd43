import { DataError, encodedWidth, encodeTable, fitTable, type Table, tableColumns } from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const table: Table = {
  columns: ["age", "city", "bought"],
  rows: [
    ["20", "Ulm", "yes"],
    ["40", " Bonn ", "no"],
    ["", "NA", "no"],
    ["1e3", "Kiel", "yes"],
  ],
};

const refused = (of: Table, options = {}) =>
  expect(
    () =>
      fitTable(of, tableColumns(of, options), [0, 1]).inputs &&
      encodeTable(of, fitTable(of, tableColumns(of, options), [0])),
  );

describe("a table", () => {
  test("is told by its last column; numbers are standardised and texts one-hot by the training rows alone", () => {
    const columns = tableColumns(table);
    expect(columns).toEqual({
      inputs: [
        { name: "age", kind: "number" },
        { name: "city", kind: "category" },
      ],
      target: { name: "bought", kind: "category" },
    });
    const encoding = JSON.parse(JSON.stringify(fitTable(table, columns, [0, 1, 2])));
    expect(encoding).toEqual({
      inputs: [
        { name: "age", kind: "number", mean: 30, deviation: 10 },
        { name: "city", kind: "category", values: ["", "Bonn", "Ulm"] },
      ],
      target: "bought",
    });
    expect(encodedWidth(encoding)).toBe(4);
    // A missing number is the mean, a missing text a value of its own, a text that training had not is none.
    expect([...encodeTable(table, encoding)]).toEqual([-1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 97, 0, 0, 0]);
  });

  test("columns are found by name: their order, and others beside them, do not matter", () => {
    const encoding = fitTable(table, tableColumns(table), [0, 1, 2]);
    const other = { columns: ["city", "new", "age"], rows: [["Ulm", "x", "30"]] };
    expect([...encodeTable(other, encoding)]).toEqual([0, 0, 0, 1]);
  });

  test("tells classes if the target is of text or has two values, numbers else, or what the task says", () => {
    const kinds = (cells: string[], task?: "classification" | "regression") =>
      tableColumns({ columns: ["x", "y"], rows: cells.map((cell) => ["1", cell]) }, { task }).target.kind;
    expect(kinds(["a", "b", "c"])).toBe("category");
    expect(kinds(["0", "1", "1", "0"])).toBe("category");
    expect(kinds(["0.5", "1", "2"])).toBe("number");
    expect(kinds(["1", "2", "3"], "classification")).toBe("category");
    expect(kinds(["0", "1"], "regression")).toBe("number");
  });

  test("what is standardised has mean 0 and deviation 1, however far from 0 it lies", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 3, maxLength: 30 }), (values) => {
        fc.pre(new Set(values).size > 2);
        const own = { columns: ["x", "y"], rows: values.map((value) => [String(value + 1.7e9), "a"]) };
        const encoded = encodeTable(own, fitTable(own, tableColumns(own), [...values.keys()]));
        const mean = encoded.reduce((sum, value) => sum + value, 0) / values.length;
        const square = encoded.reduce((sum, value) => sum + value * value, 0) / values.length;
        expect(mean).toBeCloseTo(0, 5);
        expect(square).toBeCloseTo(1, 5);
      }),
    );
  });

  test("refuses what it cannot use, by row and column", () => {
    const with_ = (cell: string): Table => ({
      ...table,
      name: "people.csv",
      rows: [...table.rows, [cell, "Ulm", "no"]],
    });
    refused(with_("old")).toThrowErrorMatchingInlineSnapshot(
      `[DataError: people.csv, row 6, column age: expected a number, as in most rows, got "old". Correct it, leave the column out, or drop such rows ({ skipBadRows: true }).]`,
    );
    refused(with_("inf")).toThrowErrorMatchingInlineSnapshot(
      `[DataError: people.csv, row 6, column age: expected a finite number, got "inf". Correct it, leave the column out, or drop such rows ({ skipBadRows: true }).]`,
    );
    refused(with_("1e999")).toThrowErrorMatchingInlineSnapshot(
      `[DataError: people.csv, row 6, column age: expected a finite number, got "1e999". Correct it, leave the column out, or drop such rows ({ skipBadRows: true }).]`,
    );
    refused(table, { target: "price" }).toThrowErrorMatchingInlineSnapshot(
      `[DataError: table: expected a column "price", got the columns age, city, bought. Name one of them, or add it.]`,
    );
    refused(table, { ignore: ["age", "city"] }).toThrowErrorMatchingInlineSnapshot(
      `[DataError: table: expected an input column beside the target, got only age, city, bought. Separate columns by commas, and leave at least one.]`,
    );
    const european = {
      columns: ["x", "y"],
      rows: [
        ["NA", "a"],
        ["1,25", "b"],
        ["1.000,5", "a"],
        ["3", "b"],
      ],
    };
    refused(european).toThrowErrorMatchingInlineSnapshot(
      `[DataError: table, row 3, column x: expected numbers such as 1234.5, got "1,25". Write a point before decimals, and nothing between thousands.]`,
    );
    refused(european, { target: "x" }).toThrow(DataError);
    const names = { columns: ["name", "y"], rows: Array.from({ length: 20 }, (_, k) => [`n${k}`, "a"]) };
    expect(() => fitTable(names, tableColumns(names), [...names.rows.keys()])).toThrowErrorMatchingInlineSnapshot(
      `[DataError: table, column name: expected text of at most 1000 values that repeat, got a different one in each of 20 rows. Leave the column out ({ ignore: ["name"] }), or group its values.]`,
    );
    expect(() => encodeTable({ columns: ["age"], rows: [] }, fitTable(table, tableColumns(table), [0]))).toThrow(
      DataError,
    );
  });
});

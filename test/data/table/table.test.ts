import {
  DataError,
  encodedWidth,
  encodeTable,
  fitTable,
  onWarning,
  type Table,
  type TableColumnsOptions,
  tableColumns,
} from "evenkeel";
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
      missing: {
        everywhere: ["", "?", "na", "n/a", "#n/a", "null", "none", "nan", "<na>"],
        amongNumbers: ["-"],
      },
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
    const warnings: string[] = [];
    onWarning((message) => warnings.push(message));
    expect(kinds(["a", "b", "c"])).toBe("category");
    expect(warnings).toEqual([]);
    expect(kinds(["0", "1", "1", "0"])).toBe("category");
    expect(kinds(["0", "1", "2", "2", "1", "0"])).toBe("category");
    expect(warnings).toMatchInlineSnapshot(`
      [
        "table, column y: numbers are taken for 2 classes (0, 1). To predict them as numbers, pass { task: "regression" }.",
        "table, column y: numbers are taken for 3 classes (0, 1, 2). To predict them as numbers, pass { task: "regression" }.",
      ]
    `);
    expect(kinds(["0", "1", "2", "2", "1"])).toBe("number");
    expect(kinds(["1", "2", "3", "1", "2", "3"])).toBe("number");
    expect(warnings.slice(2)).toMatchInlineSnapshot(`
      [
        "table, column y: 3 whole numbers (1, 2, 3) are taken for numbers to predict. If they are classes, pass { task: "classification" }.",
      ]
    `);
    expect(kinds(["0", "1", "2", "2", "1", "0"], "regression")).toBe("number");
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
    refused(table, { target: "Brought" }).toThrowErrorMatchingInlineSnapshot(
      `[DataError: table: expected a column "Brought", got the columns age, city, bought. Did you mean bought?]`,
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
      `[DataError: table, row 3, column x: expected numbers such as 1234.5, got "1,25". Write a point before decimals, and nothing between thousands, or leave the column out.]`,
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

describe("what cells write", () => {
  const column = (cells: readonly string[]): Table => ({
    name: "cells.csv",
    columns: ["x", "y"],
    rows: cells.map((cell, k) => [cell, k % 2 === 0 ? "a" : "b"]),
  });
  const encoded = (cells: readonly string[]) => fitTable(column(cells), tableColumns(column(cells)), [...cells.keys()]);
  /** What two cells stand apart by, in the column's own units. */
  const values = (cells: readonly string[]): number[] => {
    const encoding = encoded(cells);
    const [input] = encoding.inputs;
    if (input.kind !== "number") return [];
    return [...encodeTable(column(cells), encoding)].map(
      (x) => Math.round(1e4 * (x * input.deviation + input.mean)) / 1e4,
    );
  };

  test.each([
    ["%", ["45%", "7.5 %", "", "-3%"], [45, 7.5, 16.5, -3]],
    ["$", ["$52", "$1,234.50", "-$5", "$ 3"], [52, 1234.5, -5, 3]],
    ["€", ["52 €", "7€", "1 €", "2.5€"], [52, 7, 1, 2.5]],
    ["USD", ["USD 3", "12 USD", "5USD", "8 USD"], [3, 12, 5, 8]],
    ["kg", ["20kg", "3.5 kg", "0kg", "1kg"], [20, 3.5, 0, 1]],
    ["km/h", ["20 km/h", "30km/h", "10 km/h", "-"], [20, 30, 10, 20]],
    ["date", ["1970-01-02", "1970-01-11T12:00:00Z", "1969-12-31", "NaN"], [1, 10.5, -1, 3.5]],
    ["date", ["2024-02-29 06:00", "2024-03-01T00:00+06:00", "2024-03-02", "<NA>"], [19782.25, 19782.75, 19784, 19783]],
  ])("numbers in %s are numbers", (unit, cells, expected) => {
    expect(encoded(cells).inputs[0]).toMatchObject({ kind: "number", unit });
    expect(values(cells)).toEqual(expected);
  });

  test("missing values are imputed, whoever wrote them; a hyphen among numbers only", () => {
    for (const missing of ["", "NA", "NaN", "nan", "<NA>", "null", "?", "N/A", "-", " none "]) {
      expect(values(["1", missing, "3", "5"])).toEqual([1, 3, 3, 5]);
    }
    expect(encoded(["p", "-", "q", "NaN", "p"]).inputs[0]).toEqual({
      name: "x",
      kind: "category",
      values: ["", "-", "p", "q"],
    });
  });

  test("seats, ordinals and codes stay texts", () => {
    for (const cells of [
      ["12A", "14B", "12A", "9D"],
      ["1st", "2nd", "3rd", "1st"],
      ["AB12", "AB13", "AB12", "AB14"],
      ["2024-13-01", "2024-02-30", "2024-02-30", "2024-13-01"],
      ["10:30", "11:45", "10:30", "9:00"],
    ]) {
      expect([cells, encoded(cells).inputs[0].kind]).toEqual([cells, "category"]);
    }
  });

  test("of several units, and dates that can be read in two ways, are refused", () => {
    const errorOf = (cells: readonly string[]): string => {
      try {
        encodeTable(column(cells), encoded(cells));
        return "none";
      } catch (error) {
        return String(error);
      }
    };
    expect([
      errorOf(["20kg", "300 g", "1 lb", "2kg"]),
      errorOf(["20kg", "300 g", "1 lb", "2 oz"]),
      errorOf(["45%", "12%", "50", "60%"]),
      errorOf(["$5", "€6", "£7", "5 "]),
      errorOf(["1,25 €", "3,50 €", "2 €", "7,99 €"]),
      errorOf(["31/12/2024", "01/02/2024", "5/6/2024", "1/1/2025"]),
      errorOf(["2024-01-01", "2024-01-02", "soon", "2024-01-03"]),
    ]).toMatchInlineSnapshot(`
      [
        "DataError: cells.csv, row 3, column x: expected a number in kg, as in most rows, got "300 g". Correct it, leave the column out, or drop such rows ({ skipBadRows: true }).",
        "DataError: cells.csv, row 3, column x: expected numbers in one unit, such as kg, got "300 g". Write all in one unit; there are kg, g, lb, oz.",
        "DataError: cells.csv, row 4, column x: expected a number in %, as in most rows, got "50". Correct it, leave the column out, or drop such rows ({ skipBadRows: true }).",
        "DataError: cells.csv, row 3, column x: expected numbers in one unit, such as $, got "€6". Write all in one unit; there are $, €, £, none.",
        "DataError: cells.csv, row 2, column x: expected numbers such as 1234.5, got "1,25 €". Write a point before decimals, and nothing between thousands, or leave the column out.",
        "DataError: cells.csv, row 2, column x: expected dates such as 2024-01-31, got "31/12/2024". Write year, month and day in this order, with hyphens.",
        "DataError: cells.csv, row 4, column x: expected a date such as 2024-01-31, as in most rows, got "soon". Correct it, leave the column out, or drop such rows ({ skipBadRows: true }).",
      ]
    `);
  });

  test("a model goes on with the unit it was trained with, and refuses another", () => {
    const encoding = encoded(["20kg", "30kg", "40kg", "10kg"]);
    const later = (cell: string) => encodeTable({ columns: ["x"], rows: [[cell]] }, encoding);
    expect(later("25 kg")).toEqual(Float32Array.of(0));
    expect(() => later("25")).toThrowErrorMatchingInlineSnapshot(
      `[DataError: table, row 2, column x: expected a number in kg, as in most rows, got "25". Correct it, leave the column out, or drop such rows ({ skipBadRows: true }).]`,
    );
  });

  test("the encoding of a model of 0.1.0 holds what it held: no list of missing texts, units as categories", () => {
    const old = {
      inputs: [{ name: "x", kind: "category" as const, values: ["", "20kg", "NaN"] }],
      target: "y",
    };
    const rows = [["20kg"], ["NaN"], ["nan"], ["NA"], ["-"]];
    expect([...encodeTable({ columns: ["x"], rows }, old)]).toEqual([0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
  });

  test("numbers near the ends of float64 are standardised too", () => {
    expect(values(["1e300", "-1e300", "1e300", "-1e300"]).map(Math.sign)).toEqual([1, -1, 1, -1]);
    for (const cells of [
      ["1e308", "-1e308"],
      ["1.7e308", "-1.7e308"],
      ["1e-200", "-1e-200"],
    ]) {
      expect([...encodeTable(column(cells), encoded(cells))].map((x) => Math.round(1e5 * x) / 1e5)).toEqual([1, -1]);
    }
  });

  test("texts that hardly repeat, and a column that counts the rows, are told", () => {
    const warnings: string[] = [];
    onWarning((message) => warnings.push(message));
    encoded(Array.from({ length: 60 }, (_, k) => `name ${k % 40}`));
    encoded(Array.from({ length: 60 }, (_, k) => `name ${k % 20}`));
    const rows = Array.from({ length: 30 }, (_, k) => [String(k), String(k), k % 2 === 0 ? "a" : "b"]);
    const counted = { columns: ["Unnamed: 0", "other", "y"], rows };
    fitTable(counted, tableColumns(counted), [0, 1]);
    expect(warnings).toMatchInlineSnapshot(`
      [
        "cells.csv, column x: expected texts that repeat, got 40 different ones in 60 rows, each an input of its own. Leave the column out ({ ignore: ["x"] }), or group its values.",
        "table, column Unnamed: 0: expected numbers that describe the rows, got row numbers. Leave the column out ({ ignore: ["Unnamed: 0"] }) if they mean nothing.",
      ]
    `);
  });

  test("numbers that may be names, dates or marks of missing values are told, once a column", () => {
    const warnings: string[] = [];
    onWarning((message) => warnings.push(message));
    const made = (of: (k: number) => string, options: TableColumnsOptions = {}, name = "x") => {
      const rows = Array.from({ length: 40 }, (_, k) => [of(k), String(k * 1.5)]);
      const sheet = { columns: [name, "y"], rows };
      fitTable(sheet, tableColumns(sheet, options), [...rows.keys()]);
    };
    made((k) => String(k * 37).padStart(5, "0"), {}, "zip");
    made((k) => `12345678901234567${k}`);
    made((k) => `202401${String((k % 28) + 1).padStart(2, "0")}`);
    made((k) => (k % 10 === 3 ? "-999" : String(k)));
    made((k) => (k % 10 === 3 ? "\u2212999" : String(k)));
    made((k) => (k % 20 === 3 ? "9999.0" : String(k / 7)), { target: "x" });
    made((k) => (k % 20 === 3 ? "-99" : String(k / 7)), { target: "x", task: "regression" });
    made((k) => String(k * 37).padStart(5, "0"), { target: "x" });
    // Months, rows of zeros, a large number among large ones, one outlier, dates beside others: numbers.
    made((k) => String((k % 12) + 1).padStart(2, "0"));
    made((k) => String(k % 2 === 0 ? 0 : 9999));
    made((k) => String(k === 3 ? 999 : 980 - k));
    made((k) => String(k === 3 ? 9999 : k));
    made((k) => (k === 3 ? "12345678" : "20240131"));
    expect(warnings).toMatchInlineSnapshot(`
      [
        "table, column zip: 00037 and others with leading zeros are taken for numbers (37). If they name something, leave the column out ({ ignore: ["zip"] }).",
        "table, column x: 123456789012345670 and others of more than 15 digits are taken for numbers, which are rounded. If they name something, leave the column out ({ ignore: ["x"] }).",
        "table, column x: 20240101 and others are taken for numbers. If they are dates, write them as 2024-01-01.",
        "table, column x: -999 in 4 of 40 rows is taken for a number, far from the others (0 to 39). If it marks missing values, leave those cells empty.",
        "table, column x: -999 in 4 of 40 rows is taken for a number, far from the others (0 to 39). If it marks missing values, leave those cells empty.",
        "table, column x: 9999 in 2 of 40 rows is taken for a number, far from the others (0 to 5.571). If it marks missing values, remove those rows.",
        "table, column x: -99 in 2 of 40 rows is taken for a number, far from the others (0 to 5.571). If it marks missing values, remove those rows.",
        "table, column x: 00037 and others with leading zeros are taken for numbers (37). If they name something, pass { task: "classification" }.",
      ]
    `);
  });

  test("true and false in several words are told", () => {
    const warnings: string[] = [];
    onWarning((message) => warnings.push(message));
    encoded(["yes", "no", "Y", "no"]);
    encoded(["true", "no", "no", "yes"]);
    encoded(["T", "F", "N", "Y"]);
    encoded(["on", "off", "", "on"]);
    expect(warnings).toMatchInlineSnapshot(`
      [
        "cells.csv, column x: "Y" and "yes" are taken for two values. Write them alike if they are one.",
        "cells.csv, column x: "true" and "yes" are taken for two values. Write them alike if they are one.",
      ]
    `);
  });

  test("thousands apart are refused, and minus signs are hyphens", () => {
    const column = (cells: string[]): Table => ({ columns: ["x", "y"], rows: cells.map((cell) => [cell, "a"]) });
    const kind = (cells: string[]) => tableColumns(column(cells)).inputs[0].kind;
    expect(kind(["−5", "−2.5", "3", "−1e3"])).toBe("number");
    for (const gap of [" ", "\u00a0", "\u202f", "'", "’", "_"]) {
      expect(() => kind([`1${gap}234`, `12${gap}345`, "900"])).toThrow("expected numbers such as 1234.5");
    }
    expect(() => kind(["1 234", "12 345"])).toThrowErrorMatchingInlineSnapshot(
      `[DataError: table, row 2, column x: expected numbers such as 1234.5, got "1 234". Write a point before decimals, and nothing between thousands, or leave the column out.]`,
    );
  });

  test("columns are left out by name, or by names in one text, also where a name holds a comma", () => {
    const names = { columns: ["Last, First", "a", "b", "y"], rows: [["x", "1", "2", "c"]] };
    const left = (...ignore: string[]) => tableColumns(names, { ignore }).inputs.map(({ name }) => name);
    expect(left("Last, First")).toEqual(["a", "b"]);
    expect(left("Last, First,a")).toEqual(["b"]);
    expect(left("a, Last, First")).toEqual(["b"]);
    expect(left("a", "b")).toEqual(["Last, First"]);
    expect(left("a,b")).toEqual(["Last, First"]);
    expect(() => left("Last")).toThrowErrorMatchingInlineSnapshot(
      `[DataError: table: expected a column "Last", got the columns Last, First, a, b, y. Name one of them, or add it.]`,
    );
  });
});

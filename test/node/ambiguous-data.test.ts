import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onWarning, type TensorData } from "evenkeel";
import { type LoadDataOptions, type LoadedData, loadData, loadDataAs } from "evenkeel/node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/idx-files.js";
import { npyBytes, npzBytes } from "../support/npy-files.js";

let folder = "";
let warnings: string[] = [];
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  warnings = [];
  onWarning((message) => warnings.push(message.replaceAll(folder, "FOLDER")));
});

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const count = 60;
const x = npyBytes(
  "<f4",
  [count, 2],
  Float32Array.from({ length: 2 * count }, (_, k) => (k * 37) % 101),
);
const float = (of: (k: number) => number) =>
  npyBytes(
    "<f8",
    [count],
    Float64Array.from({ length: count }, (_, k) => of(k)),
  );
const whole = (of: (k: number) => number) =>
  npyBytes(
    "<i4",
    [count],
    Int32Array.from({ length: count }, (_, k) => of(k)),
  );
const rows = (width: number, of: (k: number, column: number) => number) =>
  npyBytes(
    "<f4",
    [count, width],
    Float32Array.from({ length: width * count }, (_, i) => of(Math.floor(i / width), i % width)),
  );

/** What an NPZ file with these targets is taken for, or why not. */
async function taken(y: Uint8Array, options: LoadDataOptions = {}): Promise<string> {
  try {
    const data = await loadData(write("targets.npz", npzBytes({ x, y })), { seed: 1, ...options });
    return `${data.task}${data.classes === null ? ` of ${data.outputs}` : ` ${data.classes}`}`;
  } catch (error) {
    return String(error).replaceAll(folder, "FOLDER");
  }
}

describe("targets of arrays", () => {
  test("are classes where floats count from 0, each twice or more, and that is said with the way out", async () => {
    expect(await taken(float((k) => k % 3))).toBe("classification 0,1,2");
    expect(await taken(float((k) => (k % 2 === 0 ? -1 : 1)))).toBe("classification -1,1");
    expect(warnings).toMatchInlineSnapshot(`
      [
        "FOLDER/targets.npz, y: numbers are taken for 3 classes (0, 1, 2). To predict them as numbers, pass { task: "regression" }.",
        "FOLDER/targets.npz, y: numbers are taken for 2 classes (-1, 1). To predict them as numbers, pass { task: "regression" }.",
      ]
    `);
    expect(
      await taken(
        float((k) => k % 3),
        { task: "regression" },
      ),
    ).toBe("regression of 1");
  });

  test("are classes where rows are one-hot, of floats and of whole numbers", async () => {
    expect(await taken(rows(3, (k, column) => Number(column === k % 3)))).toBe("classification 0,1,2");
    expect(warnings).toMatchInlineSnapshot(`
      [
        "FOLDER/targets.npz, y: one-hot rows of 3 are taken for classes, as by numpy.argmax(y, axis=1). To predict them as numbers, pass { task: "regression" }.",
      ]
    `);
    expect(
      await taken(
        rows(3, (k, column) => Number(column === k % 3)),
        { task: "classification" },
      ),
    ).toBe("classification 0,1,2");
    expect(
      await taken(
        rows(3, (k, column) => Number(column === k % 3)),
        { task: "regression" },
      ),
    ).toBe("regression of 3");
    expect(warnings).toHaveLength(1);
  });

  test("are a regression otherwise, and whole numbers that may be either are refused", async () => {
    expect(await taken(float((k) => k / 3))).toBe("regression of 1");
    expect(await taken(float((k) => 1 + (k % 3)))).toBe("regression of 1");
    expect(await taken(float((k) => Math.min(k, 58)))).toBe("regression of 1");
    expect(await taken(rows(2, (k, column) => Number(k % (column + 2) === 0)))).toBe("regression of 2");
    expect(await taken(whole((k) => 1 + (k % 3)))).toBe("classification 1,2,3");
    expect(warnings).toMatchInlineSnapshot(`
      [
        "FOLDER/targets.npz, y: 3 whole numbers (1, 2, 3) are taken for numbers to predict. If they are classes, pass { task: "classification" }.",
        "FOLDER/targets.npz, y: rows of 2 zeros and ones are taken for numbers to predict, since not every row has a single one. Pass { task: "regression" } if that is meant.",
      ]
    `);
    expect(
      await taken(
        float((k) => 1 + (k % 3)),
        { task: "regression" },
      ),
    ).toBe("regression of 1");
    expect(warnings).toHaveLength(2);
    expect(await taken(whole((k) => 1000 * k))).toMatchInlineSnapshot(
      `"DataError: FOLDER/targets.npz: expected classes, or numbers to predict, in y, got 60 different whole numbers in 60 samples. Say which they are ({ task: "regression" }, or "classification")."`,
    );
    expect(
      await taken(
        whole((k) => 1000 * k),
        { task: "regression" },
      ),
    ).toBe("regression of 1");
  });

  test("of texts are classes by their names", async () => {
    const letters = Uint32Array.from({ length: 2 * count }, (_, i) =>
      "antbee".charCodeAt((i % 2) + 3 * (Math.floor(i / 2) % 2)),
    );
    expect(await taken(npyBytes("<U2", [count], letters))).toBe("classification an,be");
    expect(await taken(npyBytes("<U2", [count], letters), { task: "regression" })).toMatchInlineSnapshot(
      `"DataError: FOLDER/targets.npz: expected numbers in y, got texts. Save numbers, or pass { task: "classification" }."`,
    );
  });

  test("of all parts are what those of training are", async () => {
    const part = (n: number) => ({
      x: npyBytes(
        "<f4",
        [n, 1],
        Float32Array.from({ length: n }, (_, k) => k),
      ),
      y: npyBytes(
        "<f4",
        [n],
        Float32Array.from({ length: n }, (_, k) => k % 4),
      ),
    });
    const [train, test_] = [part(20), part(3)];
    const path = write("parts.npz", npzBytes({ x_train: train.x, y_train: train.y, x_test: test_.x, y_test: test_.y }));
    const data = await loadData(path);
    expect([data.task, data.test.length, warnings.length]).toEqual(["classification", 3, 1]);
  });

  test("are found under NumPy's own names where none was given", async () => {
    const data = await loadData(write("args.npz", npzBytes({ arr_0: x, arr_1: whole((k) => k % 2) })));
    expect([data.task, data.inputShape]).toEqual(["classification", [2]]);
  });

  test("of a table follow the same rule", async () => {
    const csv = (of: (k: number) => unknown) =>
      `a,y\n${Array.from({ length: count }, (_, k) => `${k * 0.5},${of(k)}`).join("\n")}\n`;
    expect(
      (
        await loadData(
          write(
            "counts.csv",
            csv((k) => k % 3),
          ),
        )
      ).task,
    ).toBe("classification");
    expect(warnings).toMatchInlineSnapshot(`
      [
        "counts.csv, column y: numbers are taken for 3 classes (0, 1, 2). To predict them as numbers, pass { task: "regression" }.",
      ]
    `);
    const ratings = write(
      "ratings.csv",
      csv((k) => 1 + (k % 5)),
    );
    expect((await loadData(ratings)).task).toBe("regression");
    expect((await loadData(ratings, { task: "classification" })).classes).toEqual(["1", "2", "3", "4", "5"]);
    expect(warnings.slice(1)).toMatchInlineSnapshot(`
      [
        "ratings.csv, column y: 5 whole numbers (1, 2 to 5) are taken for numbers to predict. If they are classes, pass { task: "classification" }.",
      ]
    `);
    expect(
      (
        await loadData(
          write(
            "prices.csv",
            csv((k) => `$${k}`),
          ),
        )
      ).meta,
    ).toMatchObject({ task: "regression", table: { targetUnit: "$" } });
  });
});

describe("arrays of images", () => {
  const images = (...shape: number[]) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return npyBytes(
      "|u1",
      [20, ...shape],
      Uint8Array.from({ length: 20 * size }, (_, k) => (k * 31) % 251),
    );
  };
  const y = npyBytes(
    "|u1",
    [20],
    Uint8Array.from({ length: 20 }, (_, k) => k % 2),
  );
  const load = (name: string, x: Uint8Array, options: LoadDataOptions = {}): Promise<LoadedData> =>
    loadData(write(name, npzBytes({ x, y })), options);
  const all = async (data: LoadedData, name: string): Promise<number[]> => {
    const { dataset } = await loadDataAs(JSON.parse(JSON.stringify(data.meta)), join(folder, name), { part: "all" });
    return [...(dataset.batch([...Array(dataset.length).keys()]).inputs as TensorData).values];
  };

  test("with the channels last are moved first, which is said, and each later file of the model is read alike", async () => {
    const last = await load("last.npz", images(5, 6, 3));
    expect(last.inputShape).toEqual([3, 5, 6]);
    expect(warnings.splice(0)).toMatchInlineSnapshot(`
      [
        "FOLDER/last.npz, x: 20×5×6×3 is taken for (N, H, W, C), and the channels are moved first, as by transpose(0, 3, 1, 2). If they are first already, pass { layout: "nchw" }.",
      ]
    `);
    const pixels = Uint8Array.from({ length: 20 * 90 }, (_, k) => (k * 31) % 251);
    const moved = pixels.map((_, i) => {
      const [n, c, p] = [Math.floor(i / 90), Math.floor((i % 90) / 30), i % 30];
      return pixels[90 * n + 3 * p + c];
    });
    const first = await load("first.npz", npyBytes("|u1", [20, 3, 5, 6], moved));
    expect(await all(last, "last.npz")).toEqual(await all(first, "first.npz"));
    expect(await all(last, "first.npz")).toEqual(await all(first, "first.npz"));
    expect(warnings.splice(0)).toEqual([]);
    expect(await all(first, "last.npz")).toEqual(await all(first, "first.npz"));
    expect(warnings).toHaveLength(1);
  });

  test("are read as told", async () => {
    expect((await load("told.npz", images(5, 6, 3), { layout: "nchw" })).inputShape).toEqual([5, 6, 3]);
    expect((await load("told.npz", images(5, 6, 2), { layout: "nhwc" })).inputShape).toEqual([2, 5, 6]);
    expect((await load("told.npz", images(3, 12, 12))).inputShape).toEqual([3, 12, 12]);
    expect(warnings).toEqual([]);
    expect((await load("told.npz", images(12, 12, 4))).inputShape).toEqual([4, 12, 12]);
    await expect(load("told.npz", images(12, 12), { layout: "nhwc" })).rejects.toThrow(
      "told.npz, x: expected samples of three axes (H, W, C) for the layout nhwc, got 12×12. Leave the layout out.",
    );
    await expect(load("told.npz", images(12, 12, 7))).rejects.toThrow(
      "told.npz, x: expected images with the channels first (N, C, H, W), or a layout, got 20×12×12×7, which may be " +
        '(N, H, W, C). Save x.transpose(0, 3, 1, 2), or say which it is ({ layout: "nhwc" }, or "nchw").',
    );
  });

  test("of texts are refused", async () => {
    const texts = npyBytes(
      "<U1",
      [20, 2],
      Uint32Array.from({ length: 40 }, () => 97),
    );
    await expect(load("texts.npz", texts)).rejects.toThrow(
      'texts.npz: expected numbers in x, got texts such as "a". Save inputs as numbers.',
    );
  });
});

test("lines that belong to no table are answered with what to do about them", async () => {
  const rows = Array.from({ length: 30 }, (_, k) => [k / 3, (k * 7) % 11, k % 2 === 0 ? "p" : "q"].join(","));
  const errorOf = async (text: string): Promise<string> => {
    try {
      await loadData(write("lines.csv", text), { seed: 1 });
      return "read";
    } catch (error) {
      return String(error);
    }
  };
  const body = rows.join("\n");
  expect([
    await errorOf(`"sep=,"\na,b,y\n${body}\n`),
    await errorOf(`# made, by a device\na,b,y\n${body}\n`),
    await errorOf(`a,b,y\n# a remark\n${body}\n`),
    await errorOf(`a,b,y\n${rows.map((row) => `${row},`).join("\n")}\n`),
    await errorOf(`a,b,y\n${rows.map((row, k) => `${k},${row}`).join("\n")}\n`),
    await errorOf(`,a,b,y\n${rows.map((row, k) => `${k},${row}`).join("\n")}\n`),
    await errorOf(`a,b,y,\n${rows.map((row) => `${row},`).join("\n")}\n`),
  ]).toMatchInlineSnapshot(`
    [
      "read",
      "DataError: lines.csv, header: expected the names of the columns, got "# made". Remove the lines that begin with # above them.",
      "DataError: lines.csv, row 2: expected 3 cells, as in the header, got 1. Remove the lines that begin with #, or drop such rows ({ skipBadRows: true }).",
      "DataError: lines.csv, row 2: expected 3 cells, as in the header, got 4. Remove the delimiter at the end of each row, or add it to the header, with a name; or drop such rows ({ skipBadRows: true }).",
      "DataError: lines.csv, row 2: expected 3 cells, as in the header, got 4. Quote cells that hold the delimiter, name a first column of row names in the header, or drop such rows ({ skipBadRows: true }).",
      "DataError: lines.csv, header: expected a name for each column, got "" in column 1. Save it without its index (pandas: index=False), or name that column.",
      "DataError: lines.csv, header: expected a name for each column, got "" in column 4. Remove the delimiter at the end of each line, or name the last column.",
    ]
  `);
});

describe("what a table may mean otherwise is said", () => {
  const table = (name: string, header: string, row: (k: number) => string): string =>
    write(name, `${[header, ...Array.from({ length: count }, (_, k) => row(k))].join("\n")}\n`);

  test("where another column than the last has the name of a target", async () => {
    const path = table("first.csv", "class,a,b", (k) => `${k % 2 ? "x" : "z"},${k * 1.5},${k * 2.25}`);
    expect((await loadData(path)).task).toBe("regression");
    expect((await loadData(path, { target: "class" })).classes).toEqual(["x", "z"]);
    expect((await loadData(path, { ignore: ["class"] })).inputShape).toEqual([1]);
    expect((await loadData(table("y.csv", "label,a,y", (k) => `${k},${k * 1.5},${k * 2.25}`))).task).toBe("regression");
    expect(warnings).toMatchInlineSnapshot(`
      [
        "first.csv: column b is taken for what is predicted, since it is the last, and class for an input. If class is to be predicted, pass { target: "class" }.",
      ]
    `);
  });

  test("where points may part thousands, since semicolons part columns", async () => {
    const thousands = (k: number) => `${k % 3 === 0 ? 200 + k : `1.${100 + k}`};${k}.5;${k % 2 ? "x" : "z"}`;
    await loadData(table("european.csv", "a;b;label", thousands));
    await loadData(table("plain.csv", "a;b;label", (k) => `0.${100 + k};${k}.5;${k % 2 ? "x" : "z"}`));
    await loadData(table("commas.csv", "a,b,label", (k) => thousands(k).replaceAll(";", ",")));
    expect(warnings).toMatchInlineSnapshot(`
      [
        "european.csv, column a: numbers such as 1.101 are read with decimals (1.101). If the points stand between thousands, save the file without them.",
      ]
    `);
  });

  test("where texts differ in case or spaces alone", async () => {
    const odd = (k: number) => `${k % 5 ? "New York" : "new  york"},${k},${["Yes", "No", "yes"][k % 3]}`;
    expect((await loadData(table("odd.csv", "city,a,label", odd))).classes).toEqual(["No", "Yes", "yes"]);
    expect(warnings).toMatchInlineSnapshot(`
      [
        "FOLDER/odd.csv: "Yes" and "yes" are taken for two values. Write them alike if they are one.",
        "odd.csv, column city: "New York" and "new  york" are taken for two values. Write them alike if they are one.",
      ]
    `);
  });

  test("where a class is one number in several ways, which is one class, or a code", async () => {
    const classes = async (texts: string[]) =>
      (await loadData(table("numbers.csv", "a,label", (k) => `${k * 1.5},${texts[k % texts.length]}`))).classes;
    expect(await classes(["1.0", "0", "1", "0.0"])).toEqual(["0", "1.0"]);
    expect(warnings.splice(0)).toEqual([
      'numbers.csv, column label: numbers are taken for 2 classes (0, 1). To predict them as numbers, pass { task: "regression" }.',
    ]);
    expect(await classes(["01", "0", "1", "00"])).toEqual(["0", "00", "01", "1"]);
    expect(warnings.at(-1)).toBe(
      'FOLDER/numbers.csv: "0" and "00" are taken for two values. Write them alike if they are one.',
    );
  });
});

test("lines of a table end in any way, also each in another one", async () => {
  const rows = Array.from({ length: 30 }, (_, k) => [k / 3, k % 2 === 0 ? "p" : "q"].join(","));
  const read = async (...ends: string[]) => {
    const text = ["a,y", ...rows].map((line, k) => line + ends[Math.min(k, ends.length - 1)]).join("");
    const { train, inputShape, classes } = await loadData(write("ends.csv", text), { seed: 1 });
    return [train.length, inputShape, classes, Array.from((train.batch([0]).inputs as TensorData).values)];
  };
  const usual = await read("\n");
  for (const ends of [["\r\n"], ["\r"], ["\r\n", "\n"], ["\n", "\r\n"], ["\r\n", "\r"]]) {
    expect(await read(...ends)).toEqual(usual);
  }
});

import fc from "fast-check";
import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import type { Chart } from "../../src/pages/chart.js";
import type { Block, Page } from "../../src/pages/page.js";
import { renderPage } from "../../src/pages/render-page.js";
import { expectReadable } from "../support/accessible.js";
import { hasChromium } from "../support/chromium.js";

const steps = Array.from({ length: 50 }, (_, k) => 10 * k);
const letters = [..."abcdefghijklm"];

const charts: Record<Chart["type"] | "wide", Chart> = {
  lines: {
    type: "lines",
    x: { label: "step" },
    y: { label: "loss", scale: "log" },
    series: [
      {
        name: "training",
        points: steps.map((x) => [x, 2 * Math.exp(-x / 100)]),
        bands: [{ name: "95 % interval", points: steps.map((x) => [x, Math.exp(-x / 100), 3 * Math.exp(-x / 100)]) }],
      },
      { name: "test", points: [[200, 0.3]] },
    ],
    references: [{ name: "chance", y: 2.3 }],
  },
  histograms: {
    type: "histograms",
    x: { label: "value" },
    rows: [
      { name: "step 0", range: [-1, 1], counts: [0, 3, 9, 3] },
      { name: "step 9", range: [-2, 1], counts: [0, 0, 0] },
    ],
  },
  heatMap: {
    type: "heatMap",
    x: "predicted",
    y: "true",
    columns: ["cat", "dog"],
    rows: ["cat", "dog"],
    values: [
      [90, 10],
      [0, 3],
    ],
    byRow: true,
  },
  wide: {
    type: "heatMap",
    x: "predicted",
    y: "true",
    columns: letters,
    rows: letters,
    values: letters.map((_, i) => letters.map((_, j) => i * j)),
  },
  scatter: {
    type: "scatter",
    x: { label: "true" },
    y: { label: "predicted" },
    points: [
      [1, 1.1],
      [2, 1.9],
    ],
    diagonal: true,
  },
  bars: {
    type: "bars",
    x: { label: "dead channels, %" },
    bars: [
      { name: "1", value: 3, interval: [1, 5] },
      { name: "4", value: 31 },
    ],
    references: [{ name: "limit", x: 5 }],
  },
};

const pixel = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

const figures = Object.entries(charts).map(
  ([title, chart]): Block => ({ kind: "figure", title, description: `What ${title} shows.`, chart }),
);

const everything: Page = {
  title: "A page with one of each",
  lead: ["Of the run ", { code: "runs/one" }, ", see ", { link: "https://example.org/", words: "its source" }, "."],
  sections: [
    {
      title: "Words",
      content: [
        {
          kind: "facts",
          entries: [
            ["accuracy", 0.98765],
            ["device", "cpu"],
          ],
        },
        { kind: "note", tone: "good", word: "Reproduced.", text: "The interval lies above 0." },
        { kind: "note", tone: "bad", word: "Stale.", text: "30 % of the initial values are left." },
        { kind: "prose", text: "A paragraph." },
        { kind: "list", items: ["one", "two"] },
        { kind: "list", ordered: true, items: ["first", "second"] },
        {
          kind: "table",
          caption: "Layers",
          columns: ["layer", "scale"],
          rows: [
            ["1", 1.23456],
            ["4", Number.NaN],
          ],
        },
        {
          kind: "gallery",
          caption: "Mistakes",
          items: [{ source: pixel, alternative: "A dot", caption: "7, taken for 1" }],
        },
        { kind: "fold", summary: "More", content: [{ kind: "prose", text: "Hidden at first." }] },
      ],
    },
    { title: "Figures", content: figures },
  ],
  origin: "Evenkeel 0.1.0.",
};

const onePage = (block: Block): Page => ({
  title: "t",
  lead: "l",
  sections: [{ title: "s", content: [block] }],
  origin: "o",
});
const parse = async (page: Page): Promise<Document> => parseHTML(await renderPage(page)).document;
const figure = (chart: Chart): Page => onePage({ kind: "figure", title: "f", description: "d", chart });

test("a scatter against the diagonal draws it from corner to corner", async () => {
  const document = await parse(figure(charts["scatter"]));
  const line = document.querySelector("g[stroke-dasharray='4 4'] path")?.getAttribute("d") ?? "";
  const [x0, y0, x1, y1] = line.split(/[ML,]/).filter(Boolean).map(Number);
  expect(x1).toBeGreaterThan(x0);
  expect(y1).toBeLessThan(y0);
});

describe("a page", () => {
  test.skipIf(!hasChromium)(
    "is readable narrow and wide, light and dark, asks for nothing and breaks no policy (skipped without /usr/bin/chromium)",
    async () => {
      await expectReadable(await renderPage(everything));
    },
  );

  test("takes no text for markup", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme" }),
        fc.constantFrom("<b>", "</p>", "&lt;", "'\"><script>"),
        async (a, b) => {
          const text = `a${a}${b}`.replaceAll(/[\0\r]/g, "");
          const document = await parse({
            title: text,
            lead: [{ code: text }, { link: `javascript:${text}`, words: text }],
            sections: [
              {
                title: text,
                content: [
                  { kind: "gallery", caption: text, items: [{ source: pixel, alternative: text, caption: text }] },
                ],
              },
            ],
            origin: text,
          });
          for (const selector of ["h1", "header code", "h2", "figcaption", "footer p"]) {
            expect(document.querySelector(selector)?.textContent).toBe(text);
          }
          expect(document.querySelector("img")?.getAttribute("alt")).toBe(text);
          expect(document.querySelectorAll("script, b, header a")).toHaveLength(0);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("gives a table the room of two figures if it has many columns, or two of long cells", async () => {
    const long = "a cell of several words, which are broken into lines";
    const isBroad = async (row: readonly string[]): Promise<boolean> => {
      const columns = row.map((_, k) => `c${k}`);
      const document = await parse(onePage({ kind: "table", caption: "t", columns, rows: [row] }));
      return document.querySelector(".table")?.classList.contains("broad") ?? false;
    };
    const rows = [["a", "b", long], [long, long, "c"], [..."abcd"], [..."abcde"]];
    expect(await Promise.all(rows.map(isBroad))).toEqual([false, true, false, true]);
  });

  test("names and describes every drawing, and no two elements alike", async () => {
    const document = await parse(everything);
    const drawings = [...document.querySelectorAll("figure svg[role=img]")];
    expect(drawings).toHaveLength(figures.length);
    for (const [k, drawing] of drawings.entries()) {
      const textOf = (name: string): string | null | undefined =>
        document.getElementById(drawing.getAttribute(name) ?? "")?.textContent;
      expect(textOf("aria-labelledby")).toBe(Object.keys(charts)[k]);
      expect(textOf("aria-describedby")).toBe(`What ${Object.keys(charts)[k]} shows.`);
    }
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("has no script, no style of an element's own, and nothing to load", async () => {
    const document = await parse(everything);
    expect(
      document.querySelectorAll("script, [style], iframe, object, link:not([rel=icon]), style:not(head style)"),
    ).toHaveLength(0);
    for (const one of document.querySelectorAll("[src], link")) {
      expect(one.getAttribute("src") ?? one.getAttribute("href")).toMatch(/^data:/);
    }
  });
});

describe("a chart", () => {
  test("of lines has a line for each series, an area for each band, and a dot for a single point", async () => {
    const document = await parse(figure(charts.lines));
    expect([...document.querySelectorAll(".legend li")].map(({ textContent }) => textContent)).toEqual([
      "training",
      "95 % interval",
      "test",
    ]);
    const drawn = [
      ...document.querySelectorAll(".drawing [stroke='var(--series-1)'], .drawing [fill='var(--series-1)']"),
    ];
    expect(drawn).toHaveLength(2);
    expect(document.querySelectorAll(".drawing [fill='var(--series-2)'] circle")).toHaveLength(1);
  });

  test("leaves out what is not a number, and on a logarithmic axis what is not above 0", async () => {
    const chart = (values: number[], scale: "linear" | "log"): Page =>
      figure({
        type: "lines",
        x: { label: "x" },
        y: { label: "y", scale },
        series: [{ name: "s", points: values.map((y, x) => [x, y]) }],
      });
    const moves = async (page: Page): Promise<number> => {
      const path = (await parse(page)).querySelector(".drawing [stroke='var(--series-1)'] path");
      expect(path?.getAttribute("d")).not.toMatch(/NaN|Infinity/);
      return path?.getAttribute("d")?.match(/M/g)?.length ?? 0;
    };
    expect(await moves(chart([1, 2, Number.NaN, 3, 4], "linear"))).toBe(2);
    expect(await moves(chart([1, 2, 0, 3, 4], "log"))).toBe(2);
    expect(await moves(chart([1, 2, 0, 3, 4], "linear"))).toBe(1);
  });

  test("has its numbers in a table, thinned where they are many", async () => {
    const cells = async (chart: Chart): Promise<string[]> =>
      [...(await parse(figure(chart))).querySelectorAll("figure tbody tr")].map((row) =>
        [...row.querySelectorAll("th, td")].map(({ textContent }) => textContent).join(" | "),
      );
    expect(await cells(charts.heatMap)).toEqual(["cat | 90 | 10", "dog | 0 | 3"]);
    expect(await cells(charts.bars)).toEqual(["1 | 3 | 1 | 5", "4 | 31 | – | –"]);
    const lines = await cells(charts.lines);
    expect(lines).toHaveLength(16);
    expect(lines[0]).toBe("0 | 2 | 1 | 3 | –");
    expect(lines.at(-1)).toBe("490 | 0.01489 | 0.007447 | 0.02234 | 0.3");
    const heads = (await parse(figure(charts.lines))).querySelectorAll("figure thead th");
    expect([...heads].map(({ textContent }) => textContent)).toEqual([
      ...["step", "training", "95 % interval, from", "95 % interval, to", "test"],
    ]);
  });
});

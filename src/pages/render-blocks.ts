import type { Chart } from "./chart.js";
import { dataTable } from "./data-table.js";
import { formatNumber } from "./format-number.js";
import { html, Markup } from "./html.js";
import type { Block, Facts, Figure, Foldout, Gallery, List, Note, PageTable, Text } from "./page.js";
import { bandOpacity, dashOf, strokeOf } from "./series-style.js";

/** What the rendering of a page needs besides the page. */
export interface RenderingTools {
  /** The chart as an SVG element. */
  readonly draw: (chart: Chart, attributes: Readonly<Record<string, string>>) => string;
  /** A name that no other element of the page has. */
  readonly nextId: () => string;
}

/** The content of a section: figures, and the tables after them, stand in one grid. */
export function renderBlocks(blocks: readonly Block[], tools: RenderingTools): Markup[] {
  const groups: Block[][] = [];
  for (const block of blocks) {
    const last = groups.at(-1);
    if ((block.kind === "figure" || block.kind === "table") && last?.[0].kind === "figure") last.push(block);
    else groups.push([block]);
  }
  return groups.map((group) => {
    const rendered = group.map((block) => renderBlock(block, tools));
    return group[0].kind === "figure" ? html`<div class="figures">${rendered}</div>` : rendered[0];
  });
}

function renderBlock(block: Block, tools: RenderingTools): Markup {
  switch (block.kind) {
    case "prose":
      return html`<p>${renderText(block.text)}</p>`;
    case "list":
      return renderList(block);
    case "note":
      return renderNote(block);
    case "facts":
      return renderFacts(block);
    case "table":
      return renderTable(block, tools);
    case "figure":
      return renderFigure(block, tools);
    case "gallery":
      return renderGallery(block);
    case "fold":
      return renderFold(block, tools);
  }
}

/** Words with their marks. */
export function renderText(text: Text): Markup[] {
  const parts = typeof text === "string" ? [text] : text;
  return parts.map((part) => {
    if (typeof part === "string") return html`${part}`;
    if ("code" in part) return html`<code>${part.code}</code>`;
    if ("strong" in part) return html`<strong>${part.strong}</strong>`;
    return /^(https?:|mailto:|#)/.test(part.link)
      ? html`<a href="${part.link}">${part.words}</a>`
      : html`${part.words}`;
  });
}

function renderList({ ordered = false, items }: List): Markup {
  const entries = items.map((item) => html`<li>${renderText(item)}</li>`);
  return ordered ? html`<ol>${entries}</ol>` : html`<ul>${entries}</ul>`;
}

function renderNote({ tone, word, text }: Note): Markup {
  return html`<p class="note ${tone}"><strong>${word}</strong> ${renderText(text)}</p>`;
}

function renderFacts({ entries }: Facts): Markup {
  const shown = entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${renderCell(value)}</dd></div>`);
  return html`<dl class="facts">${shown}</dl>`;
}

function renderCell(value: string | number): string {
  return typeof value === "number" ? formatNumber(value) : value;
}

/** A cell of more characters may be broken into lines, and is given room for some words in each. */
const longest = 24;

function classOf(cell: string | number, isNumeric: boolean): string {
  const kind = isNumeric ? "number" : "words";
  return isLong(cell) ? `${kind} long` : kind;
}

function isLong(cell: string | number): boolean {
  return typeof cell === "string" && cell.length > longest;
}

/** A table of more columns, or of two with long cells, takes the room of two figures. */
const mostNarrow = 4;

function renderTable({ caption, columns, rows }: PageTable, { nextId }: RenderingTools): Markup {
  const id = nextId();
  const isNumeric = columns.map((_, k) => rows.every((row) => typeof row[k] === "number"));
  const heads = columns.map((name, k) => html`<th scope="col" class="${classOf(name, isNumeric[k])}">${name}</th>`);
  const lines = rows.map(([name, ...cells]) => {
    const values = cells.map(
      (cell, k) => html`<td class="${classOf(cell, isNumeric[k + 1])}">${renderCell(cell)}</td>`,
    );
    return html`<tr><th scope="row" class="${classOf(name, isNumeric[0])}">${renderCell(name)}</th>${values}</tr>`;
  });
  const longColumns = columns.filter((_, k) => rows.some((row) => isLong(row[k])));
  const room = columns.length > mostNarrow || longColumns.length > 1 ? "scroll table broad" : "scroll table";
  return html`<div class="${room}" role="group" aria-labelledby="${id}" tabindex="0"><table>
<caption id="${id}"><span>${caption}</span></caption><thead><tr>${heads}</tr></thead><tbody>
${lines}</tbody></table></div>`;
}

function renderFigure({ title, description, chart }: Figure, tools: RenderingTools): Markup {
  const [name, words] = [tools.nextId(), tools.nextId()];
  const drawing = new Markup(tools.draw(chart, { role: "img", "aria-labelledby": name, "aria-describedby": words }));
  const table = dataTable(title, chart);
  const isWide = chart.type === "heatMap" && chart.columns.length > 12;
  const frame = isWide
    ? html`<div class="drawing scroll" role="group" aria-labelledby="${name}" tabindex="0">${drawing}</div>`
    : html`<div class="drawing">${drawing}</div>`;
  const numbers =
    table === null
      ? html`<div></div>`
      : html`<details><summary>Numbers</summary>${renderTable(table, tools)}</details>`;
  return html`<figure class="${isWide ? "wide" : "narrow"}">
<figcaption><span class="name" id="${name}">${title}</span><p id="${words}">${description}</p></figcaption>
${renderLegend(chart)}${frame}${numbers}</figure>
`;
}

/** A key for each line and band, where there is more than a line. Bands lie over each other: the inner are darker. */
function renderLegend(chart: Chart): Markup {
  if (chart.type !== "lines") return html`<div></div>`;
  const keys = chart.series.flatMap(({ name, bands = [] }, k) => {
    const line = html`<line x1="0" x2="28" y1="6" y2="6" stroke="${strokeOf(k)}" stroke-width="2.5" stroke-dasharray="${dashOf(k) ?? "none"}"></line>`;
    const areas = bands.flatMap(({ name, inLegend = true }, depth) => {
      const opacity = bandOpacity * (1 + depth);
      const area = html`<rect width="28" height="12" fill="${strokeOf(k)}" fill-opacity="${opacity}"></rect>`;
      return inLegend ? [renderKey(name, area)] : [];
    });
    return [renderKey(name, line), ...areas];
  });
  return keys.length > 1 ? html`<ul class="legend">${keys}</ul>` : html`<div></div>`;
}

function renderKey(name: string, sample: Markup): Markup {
  return html`<li><svg width="28" height="12" aria-hidden="true">${sample}</svg>${name}</li>`;
}

function renderGallery({ caption, items }: Gallery): Markup {
  const images = items.map(
    (item) => html`<li><img src="${item.source}" alt="${item.alternative}"><span>${item.caption}</span></li>`,
  );
  return html`<figure><figcaption>${caption}</figcaption><ul class="gallery">
${images}</ul></figure>`;
}

function renderFold({ summary, open = false, content }: Foldout, tools: RenderingTools): Markup {
  const attributes = open ? html` open` : html``;
  return html`<details class="fold"${attributes}><summary>${summary}</summary>
${renderBlocks(content, tools)}</details>`;
}

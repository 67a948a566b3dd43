import { createHash } from "node:crypto";
import { basename } from "node:path";
import Papa, { type ParseStepResult } from "papaparse";
import { columnFinder, numberOf, rowName, type Table } from "../../data/table/table.js";
import { type Column, checkRows, tableColumns } from "../../data/table/table-columns.js";
import { DataError, FormatError } from "../../errors.js";
import { shown } from "../../shown.js";
import { warn } from "../../warnings.js";
import { numberTable } from "./number-table.js";
import { readBytes } from "./read-bytes.js";
import { tableSamples } from "./samples.js";
import type { ReadAsOptions, Source } from "./source.js";

/** A longer line is no table, and a parser would make millions of cells of it. */
const mostLine = 2 ** 24;

/**
 * Reads a CSV file: UTF-8, a header of names, commas (or semicolons, tabs, bars: found out), quotes as usual. Empty
 * lines are left out.
 *
 * @throws DataError if it has no header or no rows, or a row has more or fewer cells than the header
 * @throws FormatError if it is no text
 */
export function readCsv(path: string, options: ReadAsOptions): Source {
  const bytes = readBytes(path, path);
  const parsed = parseCsv(bytes, basename(path), options.skipBadRows);
  const { hasTargets = true } = options;
  const fingerprint = createHash("sha256").update(bytes).digest("hex");
  if (!hasTargets && options.columns === undefined) {
    const { samples, dropped } = numberTable(parsed.table, options);
    return { noun: "rows", dropped: parsed.dropped + dropped, parts: { all: samples, fingerprint } };
  }
  const { target, ignore, task } = options;
  const columns = options.columns ?? tableColumns(parsed.table, { target, ignore, task });
  if (parsed.delimiter === ";") sayThousands(parsed.table, [...columns.inputs, columns.target]);
  const checked = checkRows(
    parsed.table,
    { inputs: columns.inputs, target: hasTargets ? columns.target : null },
    options.skipBadRows,
  );
  return {
    noun: "rows",
    dropped: parsed.dropped + checked.dropped,
    parts: { all: tableSamples(checked.table, columns, hasTargets), fingerprint },
  };
}

function parseCsv(
  bytes: Uint8Array,
  name: string,
  skipBadRows = false,
): { table: Table; dropped: number; delimiter: string } {
  const text = decode(bytes, name);
  let columns: readonly string[] | null = null;
  let dropped = 0;
  const rows: string[][] = [];
  const rowNumbers: number[] = [];
  let rowNumber = 0;
  // Excel's first line, sep=;, says the delimiter; without it the parser finds it out.
  const told = /^"?sep=([,\t|;])"?\r?\n/i.exec(text)?.[1] ?? "";
  let delimiter = told;
  const take = ({ data: row, errors, meta }: ParseStepResult<string[]>): void => {
    rowNumber++;
    delimiter = meta.delimiter;
    if (row.every((cell) => cell.trim() === "") || (told !== "" && rowNumber === 1)) return;
    const quoteFault = errors.find(({ type }) => type === "Quotes")?.message.toLowerCase() ?? null;
    if (columns === null) {
      columns = checkHeader(row, name);
    } else if (rows.length === 0 && columns[0].startsWith("#") && row.length !== columns.length) {
      throw commented(columns[0], name);
    } else if (row.length === columns.length && quoteFault === null) {
      rows.push(row);
      rowNumbers.push(rowNumber);
    } else if (skipBadRows) {
      dropped++;
    } else {
      throw new DataError({
        where: rowName({ columns, rows, name, rowNumbers: [rowNumber] }, 0),
        expected: quoteFault === null ? `${columns.length} cells, as in the header` : "quotes in pairs",
        received: quoteFault ?? String(row.length),
        cure: quoteFault === null ? cureOfRow(row, columns) : "Correct it, or drop such rows ({ skipBadRows: true }).",
      });
    }
  };
  Papa.parse<string[]>(text, { delimiter: told, step: take });
  const found: readonly string[] = columns ?? [];
  if (found.length === 0 || rows.length === 0) {
    throw new DataError({
      where: name,
      expected: "a header and rows below it",
      received: found.length === 0 ? "empty lines" : dropped > 0 ? "no row that can be used" : "a header only",
      cure: "Give it a first line with the name of each column, and then the data.",
    });
  }
  return { table: { columns: found, rows, name, rowNumbers }, dropped, delimiter };
}

/** `900`, `1.100`: where semicolons part columns, points may part thousands. */
const perhapsThousands = /^[+-]?(0|[1-9]\d{0,2}(\.\d{3})?)$/;

/** Says that points are read as those of decimals, where they may well stand between thousands. */
function sayThousands(table: Table, columns: readonly Column[]): void {
  const placeOf = columnFinder(table);
  for (const { name, kind } of columns) {
    if (kind !== "number") continue;
    const place = placeOf(name);
    const cells = table.rows.map((row) => row[place].trim()).filter((cell) => numberOf(cell) !== null);
    const example = cells.find((cell) => cell.includes("."));
    if (example === undefined || !cells.every((cell) => perhapsThousands.test(cell))) continue;
    warn(
      `${table.name ?? "table"}, column ${name}: numbers such as ${example} are read with decimals (${Number(example)}). If the ` +
        "points stand between thousands, save the file without them.",
    );
  }
}

function decode(bytes: Uint8Array, name: string): string {
  const fault = (expected: string, received: string, cure: string): FormatError =>
    new FormatError({ where: name, expected, received, cure });
  let end = 0;
  for (let start = 0; start < bytes.length; start = end + 1) {
    end = bytes.indexOf(10, start);
    if (end < 0) end = bytes.length;
    if (end - start > mostLine) {
      throw fault(`lines of at most ${mostLine} bytes`, `one of ${end - start}`, "Check that it is a CSV file.");
    }
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fault("text in UTF-8", "other bytes", "Save it as CSV in UTF-8.");
  }
  if (text.includes("\0")) throw fault("text", "bytes that are 0", "Save it as CSV in UTF-8.");
  return withLineFeeds(text);
}

/** Ends every line alike, since the parser finds out by the first one how lines end. */
function withLineFeeds(text: string): string {
  if (!text.includes("\r")) return text;
  const lines = text.replaceAll("\r\n", "\n");
  // Files of old Macs; elsewhere a carriage return alone stands inside a cell.
  return count(lines, "\r") > count(lines, "\n") ? lines.replaceAll("\r", "\n") : lines;
}

function count(text: string, sign: string): number {
  let found = 0;
  for (let at = text.indexOf(sign); at >= 0; at = text.indexOf(sign, at + 1)) found++;
  return found;
}

function checkHeader(cells: readonly string[], name: string): string[] {
  const names = cells.map((cell) => cell.trim());
  const fault = (expected: string, received: string, cure: string): DataError =>
    new DataError({ where: `${name}, header`, expected, received, cure });
  if (names.length === 1 && names[0].startsWith("#")) throw commented(names[0], name);
  const odd = names.findIndex((cell) => cell === "" || numberOf(cell) !== null);
  if (odd >= 0) {
    throw fault("a name for each column", `${shown(names[odd])} in column ${odd + 1}`, cureOf(names, odd));
  }
  const seen = new Set<string>();
  const twin = names.findIndex((cell) => seen.size === seen.add(cell).size);
  if (twin >= 0) throw fault("different names", `${names[twin]} twice`, "Rename one of the columns.");
  return names;
}

function commented(first: string, name: string): DataError {
  return new DataError({
    where: `${name}, header`,
    expected: "the names of the columns",
    received: shown(first),
    cure: "Remove the lines that begin with # above them.",
  });
}

/** What to do about a row with more or fewer cells than the header. */
function cureOfRow(row: readonly string[], columns: readonly string[]): string {
  const orDrop = "or drop such rows ({ skipBadRows: true })";
  if (row[0].trim().startsWith("#")) return `Remove the lines that begin with #, ${orDrop}.`;
  if (row.length === columns.length + 1 && row[row.length - 1].trim() === "") {
    return `Remove the delimiter at the end of each row, or add it to the header, with a name; ${orDrop}.`;
  }
  if (row.length === columns.length + 1) {
    return `Quote cells that hold the delimiter, name a first column of row names in the header, ${orDrop}.`;
  }
  return `Correct it, ${orDrop}.`;
}

/** What to do about a column without a name, by where it stands. */
function cureOf(names: readonly string[], odd: number): string {
  const isOnly = names.every((name, k) => (name === "") === (k === odd));
  if (isOnly && names[odd] === "" && names.length > 1) {
    if (odd === 0) return "Save it without its index (pandas: index=False), or name that column.";
    if (odd === names.length - 1) return "Remove the delimiter at the end of each line, or name the last column.";
  }
  return "Add a first line with the name of each column.";
}

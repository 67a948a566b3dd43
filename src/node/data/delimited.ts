/** What may stand between cells. */
const delimiters = [",", "\t", "|", ";"] as const;

/** So many rows tell which of them it is. */
const guessRows = 10;

const [quote, lineFeed, carriageReturn, space] = ['"', "\n", "\r", " "].map((one) => one.charCodeAt(0));

/** Takes the cells of a row, and what is wrong with its quotes; null if nothing is. Returns false to end. */
export type TakeRow = (cells: string[], fault: string | null) => boolean | undefined;

/**
 * Reads rows of cells, in one pass over the text: a cell in quotes may hold delimiters, line ends and doubled quotes. Which delimiter it is
 * (comma, tab, bar or semicolon) is found out from the first rows, unless the first line says it as Excel's `sep=;` does.
 */
export function readDelimited(text: string, take: TakeRow): void {
  const told = /^sep=([,\t|;])\r?\n/i.exec(text)?.[1];
  scan(text, (told ?? guessDelimiter(text)).charCodeAt(0), take);
}

/** Whether a row is the line by which Excel says the delimiter. */
export function saysDelimiter(cells: readonly string[]): boolean {
  return cells.length === 2 && cells[0].toLowerCase() === "sep=" && cells[1] === "";
}

/** The delimiter that cuts the first rows into the same number of cells, at least two; the one that makes more of them where several do. */
function guessDelimiter(text: string): string {
  let best = { delimiter: ",", changes: Number.POSITIVE_INFINITY, cells: 0 };
  for (const delimiter of delimiters) {
    const counts: number[] = [];
    scan(text, delimiter.charCodeAt(0), (cells) => {
      if (cells.length > 1 || cells[0] !== "") counts.push(cells.length);
      return counts.length < guessRows;
    });
    const changes = counts.reduce((sum, count, k) => sum + Math.abs(count - (counts[k - 1] ?? count)), 0);
    const cells = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    const isBetter = changes < best.changes || (changes === best.changes && cells > best.cells);
    if (cells >= 2 && isBetter) best = { delimiter, changes, cells };
  }
  return best.delimiter;
}

function scan(text: string, delimiter: number, take: TakeRow): void {
  // Old Macs end lines by a carriage return alone.
  const lineEnd = text.includes("\n") ? lineFeed : carriageReturn;
  const { length } = text;
  let at = 0;
  let cells: string[] = [];
  let fault: string | null = null;
  while (at < length) {
    const start = at;
    let cell: string | null = null;
    if (text.charCodeAt(at) === quote) {
      let isDoubled = false;
      for (at++; at < length; at++) {
        if (text.charCodeAt(at) !== quote) continue;
        if (text.charCodeAt(at + 1) !== quote) break;
        isDoubled = true;
        at++;
      }
      if (at >= length) fault = "quoted field unterminated";
      const inside = text.slice(start + 1, at);
      at = Math.min(length, at + 1);
      while (text.charCodeAt(at) === space) at++;
      if (isEnd(text, at, delimiter, lineEnd)) cell = isDoubled ? inside.replaceAll('""', '"') : inside;
      else fault ??= "trailing quote on quoted field is malformed";
    }
    while (!isEnd(text, at, delimiter, lineEnd)) at++;
    cells.push(cell ?? text.slice(start, at));
    if (at < length && text.charCodeAt(at) === delimiter) {
      at++;
      if (at < length) continue;
      cells.push("");
    }
    if (lineEnd === lineFeed && text.charCodeAt(at) === carriageReturn) at++;
    at++;
    if (take(cells, fault) === false) return;
    cells = [];
    fault = null;
  }
}

/** Whether a cell ends at a place: a delimiter stands there, a line ends, or the text. */
function isEnd(text: string, at: number, delimiter: number, lineEnd: number): boolean {
  const code = text.charCodeAt(at);
  if (code === delimiter || code === lineEnd || at >= text.length) return true;
  return code === carriageReturn && text.charCodeAt(at + 1) === lineFeed;
}

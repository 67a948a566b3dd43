// Wraps the prose of Markdown files at 120 columns, where a paragraph or a point of a list has a longer line:
//   node scripts/wrap-markdown.js FILES
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The most columns of a line of prose. */
export const mostColumns = 120;

/** Whether a line begins or is something that is not wrapped: a table, a heading, a figure, a comment, HTML. */
const isFixed = (line) => /^\s*(\||#|!\[|<|\[[^\]]+\]: )/.test(line) || /^\s*(---|===)/.test(line);

/** Lines of a paragraph, the first and the others with what stands before them. @param {string} text */
function fill(text, first, rest) {
  const lines = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(/\s+/).filter((one) => one !== "")) {
    if (!isEmpty && line.length + 1 + word.length > mostColumns) {
      // A word that would begin a list, a heading or a table at the start of a line takes the one before along.
      const end = /^([-+*|#>=]|\d+[.)])/.test(word) ? line.lastIndexOf(" ") : line.length;
      lines.push(line.slice(0, end));
      line = rest + line.slice(end + 1);
      isEmpty = line === rest;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  lines.push(line);
  return lines;
}

/** Wraps a text. @param {string} markdown @returns {string} */
export function wrapMarkdown(markdown) {
  const out = [];
  let block = [];
  let fence = null;
  const flush = () => {
    if (block.length > 0 && block.some((line) => line.length > mostColumns)) {
      const [, first = "", text = ""] = /^(\s*(?:[-*+] |\d+[.)] |> )?)(.*)$/.exec(block[0]) ?? [];
      const joined = [text, ...block.slice(1).map((line) => line.replace(/^\s*(> )?/, ""))].join(" ");
      out.push(...fill(joined, first, first.includes(">") ? first : " ".repeat(first.length)));
    } else {
      out.push(...block);
    }
    block = [];
  };
  for (const line of markdown.split("\n")) {
    const mark = /^\s*(```|~~~)/.exec(line)?.[1] ?? null;
    const isCode = fence !== null || mark !== null || (/^ {4}/.test(line) && block.length === 0);
    if (mark !== null) fence = fence === null ? mark : null;
    if (isCode || line.trim() === "" || isFixed(line)) {
      flush();
      out.push(line);
      continue;
    }
    if (/^\s*([-*+]|\d+[.)]) /.test(line)) flush();
    block.push(line);
  }
  flush();
  return out.join("\n");
}

/** The lines of prose that are too long, with their numbers. @param {string} markdown @returns {string[]} */
export function longLines(markdown) {
  let isCode = false;
  return markdown.split("\n").flatMap((line, k) => {
    if (/^\s*(```|~~~)/.test(line)) isCode = !isCode;
    const isProse = !isCode && !isFixed(line) && !/^ {4}/.test(line);
    return isProse && line.length > mostColumns && line.trim().includes(" ") ? [`${k + 1}: ${line.slice(0, 60)}…`] : [];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const path of process.argv.slice(2)) {
    const text = readFileSync(path, "utf8");
    const wrapped = wrapMarkdown(text);
    if (wrapped !== text) writeFileSync(path, wrapped);
  }
}

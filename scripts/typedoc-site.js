// A plugin of TypeDoc, which makes the documentation one site: guides are called by their first heading, examples stand
// in the gallery as they are, and the playground becomes part of it, with a link on every page. Links are relative, so
// that the folder works under any path.
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Converter, JSX, RendererEvent } from "typedoc";

/** @param {import("typedoc").Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
    for (const part of document.content) part.text = withExamples(part.text);
    const [first] = document.content;
    document.name = /^# (.*)\n/.exec(first?.text ?? "")?.[1] ?? document.name;
  });
  app.renderer.hooks.on("sidebar.begin", (context) =>
    JSX.createElement("p", null, [
      JSX.createElement("a", { href: context.relativeURL("playground/index.html") }, "Open the playground"),
    ]),
  );
  app.renderer.on(RendererEvent.END, ({ outputDirectory }) => {
    cpSync("dist/playground", join(outputDirectory, "playground"), { recursive: true });
    // What the Run buttons of docs/site.js import.
    cpSync("dist/evenkeel.min.js", join(outputDirectory, "evenkeel.min.js"));
    mend(outputDirectory);
  });
}

/** A page in which `<!-- examples/NAME.js -->` is that program. @param {string} text */
function withExamples(text) {
  return text.replaceAll(/<!-- (examples\/[\w-]+\.js) -->/g, (_, path) => {
    return `\`\`\`js\n${readFileSync(path, "utf8").trimEnd()}\n\`\`\``;
  });
}

/**
 * Mends what TypeDoc leaves in its pages: no landmark for the content, a second title, tables and code that scroll but
 * that a keyboard cannot reach, headers of columns without a word, and links to the hierarchy from interfaces that do
 * not stand in it.
 *
 * @param {string} folder
 */
function mend(folder) {
  const hierarchy = readFileSync(join(folder, "hierarchy.html"), "utf8");
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".html") || name.startsWith("playground")) continue;
    const path = join(folder, name);
    const html = readFileSync(path, "utf8");
    const mended = html
      .replaceAll('<div class="col-content">', '<div class="col-content" role="main">')
      // The README has a title of its own.
      .replace(/(<div class="tsd-page-title">\s*)<h1>Evenkeel[^<]*<\/h1>/, "$1")
      .replaceAll(/<(table|pre)>/g, '<$1 tabindex="0">')
      .replaceAll(/<th([^>]*)><\/th>/g, "<td$1></td>")
      .replaceAll(/ href="\.\.\/hierarchy\.html#([^"]*)"/g, (link, id) =>
        hierarchy.includes(`id="${id}"`) ? link : ' href="../hierarchy.html"',
      );
    if (mended !== html) writeFileSync(path, mended);
  }
}

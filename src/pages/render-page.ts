import { html, Markup } from "./html.js";
import type { Page } from "./page.js";
import { renderBlocks, renderText } from "./render-blocks.js";
import { style } from "./style.js";

/**
 * A page as one HTML file: it asks nothing of any server, runs no script, and says so itself in a
 * Content-Security-Policy. Narrow and wide, light and dark; figures are drawn as SVG and described in words. The code
 * that draws is loaded at the first call.
 */
export async function renderPage({ title, lead, sections, origin, refreshSeconds }: Page): Promise<string> {
  const { drawChart } = await import("./draw-chart.js");
  let ids = 0;
  const tools = { draw: drawChart, nextId: () => `part-${++ids}` };
  const anchored = sections.map((section, k) => ({ ...section, id: `section-${k + 1}` }));
  const policy = `default-src 'none'; style-src 'sha256-${await digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const links = anchored.map((section) => html`<li><a href="#${section.id}">${section.title}</a></li>`);
  const body = anchored.map(
    ({ id, title: heading, content }) => html`<section aria-labelledby="${id}">
<h2 id="${id}">${heading}</h2>
${renderBlocks(content, tools)}</section>
`,
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${
  refreshSeconds === undefined
    ? ""
    : html`<meta http-equiv="refresh" content="${refreshSeconds}">
`
}<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<h1>${title}</h1>
<p>${renderText(lead)}</p>
</header>
<nav aria-label="Contents"><ul>${links}</ul></nav>
<main id="content">
${body}</main>
<footer><p>${renderText(origin)}</p></footer>
</body>
</html>
`.text;
}

/** What a Content-Security-Policy calls a style by. */
async function digest(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(hash)));
}

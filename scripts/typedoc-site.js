// A plugin of TypeDoc, which makes the documentation one site: guides are called by their first heading, and the playground
// becomes part of it, with a link on every page. Links are relative, so that the folder works under any path.
import { cpSync } from "node:fs";
import { join } from "node:path";
import { Converter, JSX, RendererEvent } from "typedoc";

/** @param {import("typedoc").Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
    const [first] = document.content;
    const [heading, title] = /^# (.*)\n/.exec(first?.text ?? "") ?? [];
    if (heading === undefined) return;
    document.name = title;
    first.text = first.text.slice(heading.length);
  });
  app.renderer.hooks.on("sidebar.begin", (context) =>
    JSX.createElement("p", null, [
      JSX.createElement("a", { href: context.relativeURL("playground/index.html") }, "Open the playground"),
    ]),
  );
  app.renderer.on(RendererEvent.END, ({ outputDirectory }) => {
    cpSync("dist/playground", join(outputDirectory, "playground"), { recursive: true });
  });
}

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** What a built site refers to. */
export interface SiteLinks {
  /** References to files or anchors that are not there: what, and on which page first. */
  readonly broken: readonly string[];
  /** Files of another origin that pages load. */
  readonly foreign: readonly string[];
}

/** Checks every link, picture and script of every page of a folder. */
export function checkLinks(folder: string): SiteLinks {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".html"));
  const pages = new Map(names.map((name) => [resolve(folder, name), readFileSync(join(folder, name), "utf8")]));
  const anchors = new Map(
    [...pages].map(([path, html]) => [
      path,
      new Set([...html.matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, id]) => id)),
    ]),
  );
  const broken = new Map<string, string>();
  const foreign = new Set<string>();
  for (const [path, html] of pages) {
    for (const [, tag, attribute, written] of html.matchAll(/<(\w+)[^>]*?\s(href|src)="([^"]*)"/g)) {
      const reference = written.replaceAll("&amp;", "&");
      if (/^(https?:)?\/\//.test(reference)) {
        if (attribute === "src" || tag === "link") foreign.add(reference);
        continue;
      }
      if (/^(data|mailto):/.test(reference)) continue;
      const [before, anchor = ""] = reference.split("#");
      const named = before === "" ? path : resolve(dirname(path), decodeURIComponent(before));
      const target = existsSync(named) && statSync(named).isDirectory() ? join(named, "index.html") : named;
      // The playground's anchors are its settings.
      const isSetting = target.includes(join("playground", ""));
      const hasAnchor = anchor === "" || isSetting || anchors.get(target)?.has(decodeURIComponent(anchor)) !== false;
      if (!existsSync(target) || !hasAnchor) broken.set(reference, relative(folder, path));
    }
  }
  return { broken: [...broken].map(([reference, page]) => `${reference} on ${page}`), foreign: [...foreign] };
}

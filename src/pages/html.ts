/** Markup that is safe to put into a page: made by {@link html} alone. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | readonly Markup[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]);
}

/** Markup written as a template: what is put in is escaped, but for markup. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const filled = parts.map((part) => {
    if (part instanceof Markup) return part.text;
    return typeof part === "object" ? part.map(({ text }) => text).join("") : escapeText(String(part));
  });
  return new Markup(strings.map((text, k) => text + (filled[k] ?? "")).join(""));
}

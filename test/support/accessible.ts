import axe from "axe-core";
import { expect } from "vitest";
import { serve, visit } from "./chromium.js";

/** The widths and colour schemes in which a page must be readable. */
const circumstances = [400, 1400].flatMap((width) => (["light", "dark"] as const).map((scheme) => ({ width, scheme })));

/** What axe-core found: only what a test needs of it. */
interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly target: readonly string[] }[];
}

/**
 * Expects of a page on its own, opened in Chromium narrow and wide, light and dark: no error on the console, no request
 * but for the page itself, nothing that axe-core finds serious, and no scrolling sideways.
 */
export async function expectReadable(html: string): Promise<void> {
  const { url, close } = await serve("/nonexistent", {}, { "/": html });
  try {
    await visit(url, async ({ page, errors, requests }) => {
      await page.evaluate(axe.source);
      for (const { width, scheme } of circumstances) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme: scheme });
        // Folded parts are read too.
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
        const violations: Finding[] = await page.evaluate("axe.run().then(({ violations }) => violations)");
        const found = violations.map(
          ({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ target }) => target)}`,
        );
        expect({ width, scheme, found }).toEqual({ width, scheme, found: [] });
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      }
      expect(errors).toEqual([]);
      expect(requests.filter((request) => !request.startsWith("data:"))).toEqual([url]);
    });
  } finally {
    close();
  }
}

import { signal } from "@preact/signals";

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Counts changes between light and dark, for what is drawn on a canvas. */
export const themeChanges = signal(0);
dark.addEventListener("change", () => {
  themeChanges.value++;
});

/** A colour of the style sheet, such as `ink` or `a`, as a canvas takes it. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

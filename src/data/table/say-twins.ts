import { shown } from "../../shown.js";
import { warn } from "../../warnings.js";

/** Says that texts that differ in upper and lower case, or in spaces, are taken for different ones. */
export function sayTwins(where: string, texts: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const text of texts) {
    const plain = text.normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ");
    const twin = seen.get(plain);
    if (twin !== undefined) {
      warn(`${where}: ${shown(twin)} and ${shown(text)} are taken for two values. Write them alike if they are one.`);
      return;
    }
    seen.set(plain, text);
  }
}

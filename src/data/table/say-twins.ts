import { shown } from "../../shown.js";
import { warn } from "../../warnings.js";
import { numberOf } from "./table.js";

/** What tables write for true and false. */
const answers: Readonly<Record<string, string>> = {
  ...{ yes: "yes", true: "yes", on: "yes", y: "yes", t: "yes", "1": "yes" },
  ...{ no: "no", false: "no", off: "no", n: "no", f: "no", "0": "no" },
};

/**
 * Says that texts that differ in upper and lower case or in spaces, or that write one number (`1` and `01`), or true or
 * false, in several ways, are taken for different ones.
 */
export function sayTwins(where: string, texts: readonly string[]): void {
  const plain = texts.map((text) => text.normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " "));
  // A letter or digit means it only where one of the words stands, too.
  const isAnswer = (text: string): boolean => text === "" || Object.hasOwn(answers, text);
  const areNumbers = plain.every((text) => text === "" || numberOf(text) !== null);
  const areAnswers = plain.every(isAnswer) && plain.some((text) => text.length > 1);
  const seen = new Map<string, string>();
  for (const [k, text] of texts.entries()) {
    const meant = areNumbers ? String(numberOf(plain[k]) ?? "") : areAnswers ? (answers[plain[k]] ?? "") : plain[k];
    const twin = seen.get(meant);
    if (twin !== undefined) {
      warn(`${where}: ${shown(twin)} and ${shown(text)} are taken for two values. Write them alike if they are one.`);
      return;
    }
    seen.set(meant, text);
  }
}

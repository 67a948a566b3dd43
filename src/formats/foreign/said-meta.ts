import { isObject } from "../json.js";
import type { ModelMeta } from "../model-file/save-model.js";

type Check = (value: unknown) => boolean;

const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every(check);

/** What entries must be to say what they say here. */
const checks: Readonly<Record<string, Check>> = {
  classes: listOf((value) => typeof value === "string"),
  inputShape: listOf((value) => Number.isSafeInteger(value) && Number(value) > 0),
  task: oneOf("classification", "regression"),
  layout: oneOf("nchw", "nhwc"),
  ...{ preprocessing: isObject, table: isObject, targetScale: isObject },
  ...{ split: isObject, network: isObject, training: isObject },
};

/**
 * What a file of another system says of itself, as the meta of a model: without entries by whose names other programs
 * say something else, such as `classes` in one text.
 */
export function saidMeta(entries: readonly (readonly [name: string, value: unknown])[]): ModelMeta {
  return Object.fromEntries(entries.filter(([name, value]) => !Object.hasOwn(checks, name) || checks[name](value)));
}

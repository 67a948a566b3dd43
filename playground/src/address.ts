import type { Field } from "./fields.js";
import { initialSettings, networkFields, type Settings, sharedFields, viewFields } from "./settings.js";

type AnyField = Field<unknown>;
type AnyFields = Readonly<Record<string, AnyField>>;

/** Marks that network B has nothing of its own, where it would at first. */
const same = "same";

/** Settings as the part of an address behind #: only what differs from the start, so that addresses stay short. */
export function formatAddress({ experiment, view }: Settings): string {
  const { a, b, ...shared } = experiment;
  const start = initialSettings.experiment;
  const parts = [
    ...differences("", sharedFields, shared, start),
    ...differences("a.", networkFields, a, start.a),
    ...differences("b.", networkFields, b, start.b),
    ...Object.keys(start.b).flatMap((name) => (Object.hasOwn(b, name) ? [] : [`b.${name}=${same}`])),
    ...differences("", viewFields, view, initialSettings.view),
  ];
  return parts.join("&");
}

function differences(prefix: string, fields: object, values: object, start: object): string[] {
  return Object.entries(fields as AnyFields).flatMap(([name, field]) => {
    const value = Reflect.get(values, name);
    if (value === undefined) return [];
    const text = field.format(value as never);
    const initial = Reflect.get(start, name);
    return initial !== undefined && text === field.format(initial as never)
      ? []
      : [`${prefix}${name}=${encodeURIComponent(text)}`];
  });
}

/** Settings of an address, and what in it was not understood; that is left as it is at first. */
export function parseAddress(hash: string): { settings: Settings; problems: string[] } {
  const { a, b, ...shared } = initialSettings.experiment;
  const found = { shared: { ...shared }, a: { ...a }, b: { ...b }, view: { ...initialSettings.view } };
  const problems: string[] = [];
  for (const [key, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    const [values, fields, name] = placeOf(found, key);
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) {
      problems.push(`“${key}” is not a setting, so it was left out.`);
      continue;
    }
    if (values === found.b && text === same) {
      Reflect.deleteProperty(values, name);
      continue;
    }
    const value = field.parse(text);
    if (value === null) {
      const kept =
        values === found.b ? "B has what A has" : `it is ${field.format(Reflect.get(values, name) as never)}`;
      problems.push(`“${text}” is not a value of ${key}, so ${kept}.`);
    } else Reflect.set(values, name, value);
  }
  return { settings: { experiment: { ...found.shared, a: found.a, b: found.b }, view: found.view }, problems };
}

function placeOf(
  found: { shared: object; a: object; b: object; view: object },
  key: string,
): [values: object, fields: AnyFields, name: string] {
  if (key.startsWith("a.")) return [found.a, networkFields as AnyFields, key.slice(2)];
  if (key.startsWith("b.")) return [found.b, networkFields as AnyFields, key.slice(2)];
  if (Object.hasOwn(viewFields, key)) return [found.view, viewFields as AnyFields, key];
  return [found.shared, sharedFields as AnyFields, key];
}

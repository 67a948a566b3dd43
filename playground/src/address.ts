import type { Field } from "./fields.js";
import { type SceneId, sceneOf } from "./scenes.js";
import { initialSettings, networkFields, type Settings, sharedFields, viewFields } from "./settings.js";

type AnyField = Field<unknown>;
type AnyFields = Readonly<Record<string, AnyField>>;

/** Marks that network B has nothing of its own, where it would at first. */
const same = "same";

/** Settings as the part of an address behind #: only what differs from the scene, so that addresses stay short. */
export function formatAddress({ experiment, view }: Settings): string {
  const { a, b, ...shared } = experiment;
  const { experiment: start, view: startView } = settingsOf(view.scene);
  const parts = [
    ...(view.scene === initialSettings.view.scene ? [] : [`scene=${view.scene}`]),
    ...differences("", sharedFields, shared, start),
    ...differences("a.", networkFields, a, start.a),
    ...differences("b.", networkFields, b, start.b),
    ...Object.keys(start.b).flatMap((name) => (Object.hasOwn(b, name) ? [] : [`b.${name}=${same}`])),
    ...differences("", viewFields, view, startView),
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

/** The settings of a scene. */
export function settingsOf(id: SceneId): Settings {
  const { experiment, view } = read(new URLSearchParams(sceneOf(id).settings), initialSettings).settings;
  return { experiment, view: { ...view, scene: id } };
}

/** Settings of an address, and what in it was not understood; that is left as the scene has it. */
export function parseAddress(hash: string): { settings: Settings; problems: string[] } {
  const entries = new URLSearchParams(hash.replace(/^#/, ""));
  const scene = viewFields.scene.parse(entries.get("scene") ?? "");
  return read(entries, scene === null ? initialSettings : settingsOf(scene));
}

function read(entries: URLSearchParams, start: Settings): { settings: Settings; problems: string[] } {
  const { a, b, ...shared } = start.experiment;
  const found = { shared: { ...shared }, a: { ...a }, b: { ...b }, view: { ...start.view } };
  const problems: string[] = [];
  for (const [key, text] of entries) {
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

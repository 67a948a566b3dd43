import { ArgumentError } from "../errors.js";
import type { AnyModule } from "../nn/module.js";

/**
 * Puts another module wherever `child` stands among the properties of `parent` and arrays of them.
 *
 * @param replacement - null takes it out of an array
 * @throws ArgumentError if a property cannot be assigned
 */
export function replaceChild(parent: AnyModule, child: AnyModule, replacement: AnyModule | null): void {
  const instead = replacement === null ? [] : [replacement];
  for (const [key, value] of Object.entries(parent)) {
    const isList = Array.isArray(value);
    if (isList ? !value.includes(child) : value !== child) continue;
    const next = isList ? value.flatMap((member) => (member === child ? instead : [member])) : replacement;
    if (Reflect.set(parent, key, next)) continue;
    throw new ArgumentError({
      where: `${parent}.${key}`,
      expected: "a property that can be assigned, to put another layer there",
      received: "one that cannot",
      cure: "Do not freeze the module.",
    });
  }
}

import { ArgumentError, StateDictError } from "../errors.js";
import { formatShape, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** What {@link Module.loadStateDict} did not find on either side. */
export interface StateDictDifference {
  /** Entries of the module that the state lacks. */
  readonly missing: readonly string[];
  /** Entries of the state that the module lacks. */
  readonly unexpected: readonly string[];
  /** Entries, of either, that `skip` left out; absent where it was not given. */
  readonly skipped?: readonly string[];
}

/** Options of {@link Module.loadStateDict}. */
export interface LoadStateDictOptions {
  /** Whether missing and unexpected entries are an error. @defaultValue true */
  readonly strict?: boolean;
  /**
   * Entries to leave out, such as a head for other classes: what a text is the path of, or leads to (`"fc"` is
   * `fc.weight` and `fc.bias`), and what a pattern matches. The module keeps its own values there.
   *
   * @defaultValue none
   */
  readonly skip?: string | RegExp | readonly (string | RegExp)[];
}

/**
 * PyTorch counts the batches of a norm in this entry; many files lack it, and nothing but the cumulative average needs
 * it.
 */
const optionalEntry = "num_batches_tracked";

/** What is to be loaded from where. */
interface Matched {
  /** Tensors of the module, each with its new values. */
  readonly pairs: ReadonlyMap<Tensor, Tensor>;
  /** Whether an entry of the state is not skipped. */
  readonly isLoaded: (name: string) => boolean;
  readonly difference: StateDictDifference;
}

/**
 * Matches the entries of a module with a state.
 *
 * @param where - the call, for errors
 * @param own - the module's parameters and buffers by name
 * @param state - by the module's own names
 * @throws StateDictError listing every missing, unexpected and mis-shaped entry
 * @throws ArgumentError if something in `skip` names no entry
 */
export function matchState(
  where: string,
  own: readonly (readonly [name: string, tensor: Tensor])[],
  state: Readonly<Record<string, Tensor>>,
  { strict, skip }: { readonly strict: boolean; readonly skip: LoadStateDictOptions["skip"] },
): Matched {
  const names = new Set([...own.map(([name]) => name), ...Object.keys(state)]);
  const skipped = skip === undefined ? [] : skippedNames(where, names, skip);
  const isSkipped = new Set(skipped);
  const entries = new Map(own.filter(([name]) => !isSkipped.has(name)));
  const given = Object.fromEntries(Object.entries(state).filter(([name]) => !isSkipped.has(name)));
  const missing = [...entries.keys()].filter((name) => !Object.hasOwn(given, name) && lastPart(name) !== optionalEntry);
  const unexpected = Object.keys(given).filter((name) => !entries.has(name));
  const matched = [...entries].filter(([name]) => Object.hasOwn(given, name));
  const misshaped = matched
    .filter(([name, t]) => !sameShape(t.shape, given[name].shape))
    .map(([name, t]) => `${name} (expected ${formatShape(t.shape)}, got ${formatShape(given[name].shape)})`);
  if (misshaped.length > 0 || (strict && missing.length + unexpected.length > 0)) {
    throw new StateDictError(`${where}(state)`, missing, unexpected, misshaped, true);
  }
  return {
    pairs: new Map(matched.map(([name, t]) => [t, given[name]])),
    isLoaded: (name) => !isSkipped.has(name),
    difference: skip === undefined ? { missing, unexpected } : { missing, unexpected, skipped },
  };
}

/** Those of the names that `skip` leaves out. @throws ArgumentError if a part of it names none */
function skippedNames(
  where: string,
  names: ReadonlySet<string>,
  skip: NonNullable<LoadStateDictOptions["skip"]>,
): string[] {
  const parts = typeof skip === "string" || skip instanceof RegExp ? [skip] : skip;
  const skipped = new Set<string>();
  for (const part of parts) {
    const matched = [...names].filter((name) => isNamed(name, part));
    if (matched.length === 0) {
      throw new ArgumentError({
        where: `${where}(state, { skip })`,
        expected: "the path of an entry or of a layer, or a pattern that matches one",
        received: typeof part === "string" ? JSON.stringify(part) : String(part),
        cure: "Object.keys(model.stateDict()) lists the entries.",
      });
    }
    for (const name of matched) skipped.add(name);
  }
  return [...names].filter((name) => skipped.has(name));
}

function isNamed(name: string, part: string | RegExp): boolean {
  // A global pattern remembers where it stopped.
  if (part instanceof RegExp) return name.search(part) >= 0;
  return name === part || name.startsWith(part.endsWith(".") ? part : `${part}.`);
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

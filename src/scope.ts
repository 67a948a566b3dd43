import { ArgumentError } from "./errors.js";

/** What a scope frees. */
export interface Disposable {
  dispose(): void;
}

interface Frame {
  readonly parent: Frame | null;
  readonly owned: Set<Disposable>;
}

let current: Frame | null = null;

/** Hands a new object to the innermost scope; false if there is none, and the caller must see to its end. */
export function own(object: Disposable): boolean {
  current?.owned.add(object);
  return current !== null;
}

/** Takes an object out of every scope, which then no longer frees it. */
export function disown(object: Disposable): void {
  for (let frame = current; frame !== null; frame = frame.parent) frame.owned.delete(object);
}

/** Calls `visit` for every object of `owned` that `value` is or holds, through arrays and plain objects. */
function visitOwned(
  value: unknown,
  owned: Set<Disposable>,
  visit: (object: Disposable) => void,
  seen: Set<object>,
): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (owned.has(value as Disposable)) {
    visit(value as Disposable);
    return;
  }
  const prototype = Object.getPrototypeOf(value);
  if (Array.isArray(value) || prototype === Object.prototype || prototype === null) {
    for (const member of Object.values(value)) visitOwned(member, owned, visit, seen);
  }
}

/** Throws if what a function returned is a promise, since other code would run while it waits. */
export function refusePromise(where: string, result: unknown): void {
  if (typeof result !== "object" || result === null || !("then" in result) || typeof result.then !== "function") return;
  throw new ArgumentError({
    where,
    expected: "a synchronous function",
    received: "one that returns a promise",
    cure: "Await outside of it, or wrap each synchronous part.",
  });
}

/** Called with each survivor that leaves the outermost scope, so that the garbage collector can see to it. */
let onEscape: (object: Disposable) => void = () => {};

/** Sets what happens to survivors of the outermost scope. */
export function whenEscaping(handler: (object: Disposable) => void): void {
  onEscape = handler;
}

/**
 * Runs `fn` and frees every tensor made inside it, except what it returns (a tensor, or arrays and plain objects of
 * them), parameters, buffers, gradients, optimiser state, and what was passed to {@link keep}. Scopes nest: what an
 * inner one returns belongs to the outer one. If `fn` throws, everything made inside is freed.
 *
 * @param fn - synchronous; a promise is refused, since other code would run inside the scope while it waits
 * @returns what `fn` returned
 * @throws ArgumentError if `fn` returns a promise
 * @example
 * ```ts
 * const y = scope(() => {
 *   const x = tensor([1, 2, 3]);
 *   return x.mul(x).sum(); // x and x·x are freed, the sum lives on
 * });
 * y.item(); // 14
 * ```
 */
export function scope<T>(fn: () => T): T {
  const frame: Frame = { parent: current, owned: new Set() };
  current = frame;
  let result: T;
  try {
    result = fn();
    refusePromise("scope(fn)", result);
    visitOwned(
      result,
      frame.owned,
      (survivor) => {
        frame.owned.delete(survivor);
        if (frame.parent === null) onEscape(survivor);
        else frame.parent.owned.add(survivor);
      },
      new Set(),
    );
  } finally {
    current = frame.parent;
    for (const object of frame.owned) object.dispose();
  }
  return result;
}

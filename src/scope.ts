import { ArgumentError } from "./errors.js";

/** What a scope frees. */
export interface Owned {
  /** The scope that frees it; null: none does. */
  owner: Frame | null;
  dispose(): void;
}

/** A scope at work. */
class Frame {
  readonly parent: Frame | null;
  /** What it was given, also what it owns no longer. */
  #given: Owned[] = [];
  /** With more than this, it forgets what it owns no longer. */
  #most = 64;

  constructor(parent: Frame | null) {
    this.parent = parent;
  }

  add(object: Owned): void {
    object.owner = this;
    if (this.#given.push(object) <= this.#most) return;
    this.#given = this.#given.filter(({ owner }) => owner === this);
    this.#most = Math.max(64, 2 * this.#given.length);
  }

  /** Frees what it owns. */
  end(): void {
    for (const object of this.#given) if (object.owner === this) object.dispose();
  }
}

let current: Frame | null = null;

/** Hands a new object to the innermost scope; false if there is none, and the caller must see to its end. */
export function own(object: Owned): boolean {
  current?.add(object);
  return current !== null;
}

/** Calls `visit` for every object owned by `frame` that `value` is or holds, through arrays and plain objects. */
function visitOwned(value: unknown, frame: Frame, visit: (object: Owned) => void, seen: Set<object>): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if ((value as Partial<Owned>).owner === frame) {
    visit(value as Owned);
    return;
  }
  const prototype = Object.getPrototypeOf(value);
  if (Array.isArray(value) || prototype === Object.prototype || prototype === null) {
    for (const member of Object.values(value)) visitOwned(member, frame, visit, seen);
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
let onEscape: (object: Owned) => void = () => {};

/** Sets what happens to survivors of the outermost scope. */
export function whenEscaping(handler: (object: Owned) => void): void {
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
  const frame = new Frame(current);
  const { parent } = frame;
  current = frame;
  let result: T;
  try {
    result = fn();
    if (typeof result !== "object" || result === null) return result;
    refusePromise("scope(fn)", result);
    const survive = (survivor: Owned): void => {
      survivor.owner = null;
      if (parent === null) onEscape(survivor);
      else parent.add(survivor);
    };
    visitOwned(result, frame, survive, new Set());
  } finally {
    current = parent;
    frame.end();
  }
  return result;
}

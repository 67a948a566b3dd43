/**
 * Every error that Evenkeel throws on purpose. Messages read `where: expected what, got what. Cure.`; each class stands
 * for one kind of failure, so that a program can tell them apart, and carries the parts of its message as fields.
 *
 * A new kind of failure gets a new class only when a caller could sensibly do something else about it.
 */

/** The parts of a message: where it arose, what was expected there, what came instead, and what to do about it. */
export interface ErrorParts {
  /** The function and argument, e.g. `BatchNorm(64).forward(x)`. */
  readonly where: string;
  /** What was expected there. */
  readonly expected: string;
  /** What came instead. */
  readonly received: string;
  /** What to do about it: one imperative sentence with its full stop. */
  readonly cure: string;
}

/** The common base: `instanceof EvenkeelError` tells a mistake of the caller from a defect of the library. */
export class EvenkeelError extends Error implements ErrorParts {
  readonly where: string;
  readonly expected: string;
  readonly received: string;
  readonly cure: string;

  constructor({ where, expected, received, cure }: ErrorParts, options?: ErrorOptions) {
    super(`${where}: expected ${expected}, got ${received}. ${cure}`, options);
    this.name = new.target.name;
    this.where = where;
    this.expected = expected;
    this.received = received;
    this.cure = cure;
  }
}

/** The shapes of tensors do not fit each other or the layer. */
export class ShapeError extends EvenkeelError {}

/** An argument lies outside the values it may take. */
export class ArgumentError extends EvenkeelError {}

/** Data from outside (labels, files, values) are not what they should be. */
export class DataError extends EvenkeelError {}

/** A model's file does not hold its network, and no network was passed: a file never chooses which code builds it. */
export class MissingNetworkError extends DataError {}

/** A file is not in the format it claims, or is cut short. */
export class FormatError extends EvenkeelError {}

/** A browser does not store, find or give out a file: it has no room or no permission, or is none. */
export class StorageError extends EvenkeelError {}

/** A network cannot become a graph: its `forward` does what no graph can hold. */
export class TraceError extends EvenkeelError {}

/** A state dict does not fit the module: lists every missing, unexpected and mis-shaped entry at once. */
export class StateDictError extends EvenkeelError {
  /** Entries the module has and the state lacks. */
  readonly missing: readonly string[];
  /** Entries the state has and the module lacks. */
  readonly unexpected: readonly string[];
  /** Entries whose shapes differ, e.g. `0.weight (expected 4×3, got 3×4)`. */
  readonly misshaped: readonly string[];

  /** @param canSkip - whether what is called takes `{ skip }` */
  constructor(
    where: string,
    missing: readonly string[],
    unexpected: readonly string[],
    misshaped: readonly string[],
    canSkip = false,
  ) {
    const faults = [
      missing.length > 0 ? `missing ${missing.join(", ")}` : "",
      unexpected.length > 0 ? `unexpected ${unexpected.join(", ")}` : "",
      misshaped.length > 0 ? `mis-shaped ${misshaped.join(", ")}` : "",
    ].filter((fault) => fault !== "");
    const prefix = commonPrefix(missing, unexpected);
    super({
      where,
      expected: "the entries and shapes of this module's own stateDict()",
      received: faults.join("; "),
      cure:
        misshaped.length > 0
          ? `Build the module with the sizes it was saved with${canSkip ? `, or keep the module's own values there: { skip: ${JSON.stringify(layerOf(misshaped[0]))} }` : ""}.`
          : prefix !== null
            ? `Every name has the prefix ${JSON.stringify(prefix)}: take it off each key of the state.`
            : "Load it into the module it was saved from, or pass { strict: false } to load what fits.",
    });
    this.missing = missing;
    this.unexpected = unexpected;
    this.misshaped = misshaped;
  }
}

/** The path of the layer that has an entry; the entry's own where there is none. */
function layerOf(misshaped: string): string {
  const [name] = misshaped.split(" ");
  return name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : name;
}

/**
 * What stands before each name of a state, as wrappers such as `module.` and `_orig_mod.` leave it; null if nothing
 * does.
 */
function commonPrefix(missing: readonly string[], unexpected: readonly string[]): string | null {
  const [first] = unexpected;
  const end = first === undefined ? undefined : missing.find((name) => first.endsWith(name) && first !== name);
  if (first === undefined || end === undefined) return null;
  const prefix = first.slice(0, first.length - end.length);
  const without = new Set(unexpected.map((name) => name.slice(prefix.length)));
  const isCommon = unexpected.every((name) => name.startsWith(prefix)) && missing.every((name) => without.has(name));
  return isCommon ? prefix : null;
}

/** A tensor was read after its memory had been freed by `scope` or `dispose()`. */
export class TensorFreedError extends EvenkeelError {}

/** `backward()` has no graph to run over: it was released by an earlier call, or nothing required a gradient. */
export class GraphError extends EvenkeelError {}

/** Memory for a tensor could not be had. */
export class OutOfMemoryError extends EvenkeelError {
  /** The size of the request that failed, in bytes. */
  readonly bytes: number;
  /** Bytes in use when it failed. */
  readonly used: number;
  /** The most bytes that can be in use; infinite where that is not known. */
  readonly limit: number;
  /** The largest block that a device gives; infinite where only the sum counts. */
  readonly largest: number;
  /** The layer in which it failed, where that is known. */
  readonly layer: string | null;
  /** Whether most of the memory in use waits for the garbage collector: smaller batches would only fail later. */
  readonly leaks: boolean;

  constructor(
    parts: ErrorParts & {
      readonly bytes: number;
      readonly used?: number;
      readonly limit?: number;
      readonly largest?: number;
      readonly layer?: string | null;
      readonly leaks?: boolean;
    },
    options?: ErrorOptions,
  ) {
    super(parts, options);
    this.bytes = parts.bytes;
    this.used = parts.used ?? 0;
    this.limit = parts.limit ?? Number.POSITIVE_INFINITY;
    this.largest = parts.largest ?? Number.POSITIVE_INFINITY;
    this.layer = parts.layer ?? null;
    this.leaks = parts.leaks ?? false;
  }

  /**
   * The same failure, in a pass of a layer, unless it is known already: names it, and the largest batch that would have
   * come as far. `samples` were in the batch, and `before` bytes in use before anything was computed from it.
   */
  inLayer(layer: string, during: string, samples: number, before: number): OutOfMemoryError {
    if (this.layer !== null) return this;
    const { where, expected, received, cure, bytes, used, limit, largest, leaks } = this;
    const share = Math.min((limit - before) / (used - before + bytes), largest / bytes);
    const fits = Math.floor(samples * share);
    return new OutOfMemoryError(
      {
        ...{ expected, received, bytes, used, limit, largest, layer, leaks },
        where: `${layer}.${during}, ${where}`,
        cure:
          !leaks && fits >= 1 && fits < samples ? `Use a batch of at most ${fits}: what follows needs room too.` : cure,
      },
      { cause: this.cause },
    );
  }
}

/** The backend cannot do what was asked: not available here, or not able to answer synchronously. */
export class BackendError extends EvenkeelError {}

/** The device of the webgpu backend is gone, with all that lay on it. */
export class DeviceLostError extends BackendError {}

/** A thread that shares the work of kernels does not answer; from then on one thread does it all. */
export class WorkerLostError extends EvenkeelError {}

/** A collective among ranks did not come about: a rank is missing, stopped, or took part in another one. */
export class CommunicationError extends EvenkeelError {
  /** Ranks that did not answer or did something else; empty where it is not known which. */
  readonly ranks: readonly number[];

  constructor(parts: ErrorParts & { readonly ranks: readonly number[] }, options?: ErrorOptions) {
    super(parts, options);
    this.ranks = parts.ranks;
  }
}

/** Training met a loss or a gradient that is not finite. */
export class DivergedError extends EvenkeelError {
  /** The optimiser step at which it happened, counted from 0. */
  readonly step: number;
  /** The first layer, in forward order, whose output was not finite; null if every output was finite. */
  readonly layer: string | null;

  constructor(parts: ErrorParts & { readonly step: number; readonly layer: string | null }) {
    super(parts);
    this.step = parts.step;
    this.layer = parts.layer;
  }
}

/** A model that was rewritten does not compute what the original does, within the tolerance: nothing was made of it. */
export class VerificationError extends EvenkeelError {
  /** The largest difference of one output's values, divided by the largest value of that output. */
  readonly maxRelative: number;

  constructor(parts: ErrorParts & { readonly maxRelative: number }) {
    super(parts);
    this.maxRelative = parts.maxRelative;
  }
}

/** An optional package that this needs is not installed, or does not load here. */
export class MissingPackageError extends EvenkeelError {
  /** The package's name: `npm install` takes it. */
  readonly package: string;

  constructor(
    { where, package: name, purpose }: { readonly where: string; readonly package: string; readonly purpose: string },
    options?: ErrorOptions,
  ) {
    const { cause } = options ?? {};
    const isAbsent = !(cause instanceof Error) || ("code" in cause && cause.code === "ERR_MODULE_NOT_FOUND");
    super(
      {
        where,
        expected: `the package ${name} ${purpose}`,
        received: isAbsent ? "none" : `one that does not load (${cause.message.split("\n")[0]})`,
        cure: `Run: npm install ${name}.`,
      },
      options,
    );
    this.package = name;
  }
}

import { ArgumentError, DataError, FormatError, ShapeError } from "../../errors.js";
import { printable } from "../printable.js";

/** Thrown where a value comes from a layer or node that was refused: one fault is told once. */
export class UnknownInput extends Error {}

/** Thrown while a layer or node is imported: what of it nothing here does. */
export class Refusal extends Error {
  /** The layer or node: `Lambda scale`. */
  readonly title: string;
  readonly received: string;
  /** A better cure than to leave it out. */
  readonly cure: string | null;

  constructor(title: string, received: string, cause?: unknown, cure: string | null = null) {
    super(received, { cause });
    this.title = title;
    this.received = received;
    this.cure = cure;
  }
}

/** What `make` makes. @throws Refusal where a layer or op refuses what the file says */
export function attempted<T>(title: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ArgumentError || cause instanceof ShapeError || cause instanceof DataError)) throw cause;
    throw new Refusal(title, `what the layer refuses (${cause.message.replace(/\.$/, "")})`, cause);
  }
}

/** So many faults are told. */
const mostFaults = 20;

/** One error for all that is missing. @param parts - what the model is made of: layers, or nodes */
export function refusedModel(where: string, parts: "layer" | "node", faults: readonly Refusal[]): FormatError {
  const [first] = faults;
  const cure =
    faults.find((fault) => fault.cure !== null)?.cure ??
    `Leave ${faults.length === 1 ? `this ${parts}` : `these ${parts}s`} out of the model, or build the network by hand and load its weights.`;
  if (faults.length === 1) {
    const place = { where: `${where}, ${printable(first.title)}`, expected: "what a layer or op of Evenkeel does" };
    return new FormatError({ ...place, received: first.received, cure }, { cause: first.cause });
  }
  const told = faults.slice(0, mostFaults).map(({ title, received }) => `${printable(title)}: ${received}`);
  const more = faults.length > mostFaults ? [`${faults.length - mostFaults} more`] : [];
  const received = [...told, ...more].join("; ");
  return new FormatError({ where, expected: "what layers and ops of Evenkeel do", received, cure });
}

import type { Backend } from "./backend/backend.js";
import { OutOfMemoryError } from "./errors.js";
import type { Shape } from "./shape.js";

/** A layer at work on a batch: what errors in its forward pass, and later in the gradients of its ops, tell of it. */
export interface LayerPass {
  readonly layer: object;
  /** Samples that the outermost layer around this one was given. */
  readonly samples: number;
  /** Bytes in use when that one began. */
  readonly before: number;
}

let current: LayerPass | null = null;

/** The innermost layer at work, for the ops that it computes. */
export function currentPass(): LayerPass | null {
  return current;
}

/**
 * Runs the forward pass of a layer. Where memory runs out in it, or in a backward pass through what it computed, the
 * error names the innermost layer, and the largest batch of the outermost one that would have come as far.
 */
export function runLayer<Input extends unknown[], Output>(
  layer: object,
  x: { readonly shape: Shape; readonly backend: Backend },
  forward: (...input: Input) => Output,
  input: Input,
): Output {
  const outer = current;
  const { samples, before } = outer ?? { samples: x.shape[0] ?? 1, before: x.backend.bytesInUse() };
  const pass = { layer, samples, before };
  current = pass;
  try {
    return forward.apply(layer, input);
  } catch (error) {
    throw namedIn(pass, "forward(x)", error);
  } finally {
    current = outer;
  }
}

/** An error that arose in this layer: where memory ran out, told of the layer and the batch. */
export function namedIn(pass: LayerPass | null, during: string, error: unknown): unknown {
  if (pass === null || !(error instanceof OutOfMemoryError)) return error;
  return error.inLayer(moduleTitle(pass.layer), during, pass.samples, pass.before);
}

/** How messages name a module: by its text, or by its class where that is a table of many lines. */
export function moduleTitle(module: object): string {
  const text = String(module);
  return text.includes("\n") ? module.constructor.name : text;
}

import { ArgumentError } from "../errors.js";
import { add } from "../ops/binary.js";
import type { Tensor } from "../tensor.js";
import { isClosed, release } from "./closed.js";
import type { LayerTraits } from "./layer-traits.js";
import { Module } from "./module.js";

/**
 * y = body(x) + shortcut(x), the shortcut being x itself if none is given (He et al. 2015, arXiv:1512.03385).
 *
 * @example
 * ```ts
 * const block = new Residual(new Sequential(new Linear(8, 8), new ReLU(), new Linear(8, 8)));
 * block.forward(zeros([4, 8])).shape; // [4, 8]
 * ```
 */
export class Residual extends Module {
  /** What is added to the shortcut. */
  readonly body: Module;
  /** A projection where the body changes the shape; null: x itself. */
  readonly shortcut: Module | null;

  /**
   * @param shortcut - must give the body's shape
   * @throws ArgumentError if one of them is no module
   */
  constructor(body: Module, shortcut: Module | null = null) {
    super();
    // A program in JavaScript, or a file, may pass anything.
    for (const [name, given] of Object.entries({ body, shortcut: shortcut ?? body } satisfies Record<
      string,
      unknown
    >)) {
      if (given instanceof Module) continue;
      throw new ArgumentError({
        where: "new Residual(body, shortcut)",
        expected: `${name} to be a module`,
        received: typeof given,
        cure: "Join several layers in a Sequential, and put functions into a class that extends Module.",
      });
    }
    this.body = body;
    this.shortcut = shortcut;
  }

  /** Applies the layer. @param x - what the body takes @throws ShapeError if body and shortcut do not fit */
  override forward(x: Tensor): Tensor {
    const { body, shortcut } = this;
    const [inner, outer] = [body.forward(x), shortcut?.forward(x) ?? x];
    const y = add(inner, outer);
    if (inner !== x && isClosed(body)) release(inner);
    if (outer !== x && shortcut !== null && isClosed(shortcut)) release(outer);
    return y;
  }

  protected override traits(): LayerTraits {
    const { body, shortcut } = this;
    // Both sides have one shape, so that either tells it.
    const either = (ofBody: number | null, ofShortcut: number | null): number | null => ofBody ?? ofShortcut;
    return {
      constructorArguments: shortcut === null ? [body] : [body, shortcut],
      isComposite: true,
      keepsNothing: true,
      channels: (channels) =>
        either(body.channelsAfter(channels), shortcut === null ? channels : shortcut.channelsAfter(channels)),
      rank: (rank) => either(body.rankAfter(rank), shortcut === null ? rank : shortcut.rankAfter(rank)),
    };
  }
}

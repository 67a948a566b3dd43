import { ArgumentError } from "../../errors.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import type { Tensor } from "../../tensor.js";
import { Norm, type NormForwardOptions, normForwardNames } from "./norm.js";

/**
 * A norm that is made of ops and other layers, which graphs and exports show in its place. It takes no mask, and a ReLU
 * stands behind it as a layer of its own.
 */
export abstract class ComposedNorm extends Norm {
  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    checkPlain(this, options);
    return scope(() => this.normalize(x));
  }

  /** What {@link Norm.forward} does, in a scope of its own. */
  protected abstract normalize(x: Tensor): Tensor;
}

/**
 * Checks that a norm made of ops is asked for nothing that its ops cannot do.
 *
 * @throws ArgumentError if a mask, an activation or an unknown option is given, or eps is 0
 */
export function checkPlain(layer: Norm, options: NormForwardOptions): void {
  checkOptions(() => `${layer}.forward(x)`, options, normForwardNames);
  const { mask = null, activation = null } = options;
  if (layer.eps === 0) {
    throw new ArgumentError({
      where: `${layer}.forward(x)`,
      expected: "eps above 0",
      received: "0",
      cure: "Set eps to a small positive number such as 1e-5.",
    });
  }
  if (mask === null && activation === null) return;
  const what = mask === null ? "activation" : "mask";
  throw new ArgumentError({
    where: `${layer}.forward(x, { ${what} })`,
    expected: `no ${what}`,
    received: "one",
    cure: what === "mask" ? "Use a norm that takes masks, such as GroupNorm." : "Apply it to the output.",
  });
}

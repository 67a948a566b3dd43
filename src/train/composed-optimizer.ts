import { noGrad } from "../autograd.js";
import { ArgumentError } from "../errors.js";
import { add, div, mul } from "../ops/binary.js";
import { where as choose } from "../ops/choice.js";
import { greater } from "../ops/comparison.js";
import { sum } from "../ops/sum.js";
import { sqrt } from "../ops/unary.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { copyInto } from "../tensor-copies.js";
import { Optimizer, type ParameterUpdate, type UpdateNumbers } from "./optimizer.js";

/** What a step makes of a parameter and of what is remembered of it, by slots. */
export interface Stepped {
  readonly parameter: Tensor;
  readonly moments: Readonly<Record<string, Tensor>>;
}

/** A parameter before its step; its gradient is scaled. */
export interface Before extends Pick<ParameterUpdate, "parameter" | "moments" | "weightDecay"> {
  readonly gradient: Tensor;
  readonly lr: number;
  /** Steps of this parameter, this one too. */
  readonly step: number;
}

/** An optimiser whose formula is written in ops: a pass over memory for each, which a kernel of its own would save. */
export abstract class ComposedOptimizer extends Optimizer {
  /** The formula, on tensors that no graph sees. */
  protected abstract formula(before: Before): Stepped;

  protected override update(updates: readonly ParameterUpdate[], numbers: UpdateNumbers): void {
    const { lr, step, gradientScale, gate } = numbers;
    if (gate !== null) {
      throw new ArgumentError({
        where: `${this.constructor.name}.step()`,
        expected: "a backend that answers at once",
        received: updates[0].parameter.backend.name,
        cure: "Use Sgd, Adam or AdamW there.",
      });
    }
    for (const { parameter, gradient, moments, weightDecay } of updates) {
      scope(() =>
        noGrad(() => {
          const scaled = gradientScale === 1 ? gradient.detach() : mul(gradient, gradientScale);
          const given = { parameter: parameter.detach(), gradient: scaled, moments, weightDecay, lr, step };
          const after = this.formula(given);
          copyInto(after.parameter, parameter);
          for (const [slot, moment] of Object.entries(after.moments)) copyInto(moment, moments[slot]);
        }),
      );
    }
  }
}

/** share · old + (1 − share) · value. */
export function blended(old: Tensor, value: Tensor, share: number): Tensor {
  return add(mul(old, share), mul(value, 1 - share));
}

/** g + weightDecay · p. */
export function decayed({ gradient, parameter, weightDecay }: Before): Tensor {
  return weightDecay === 0 ? gradient : add(gradient, mul(parameter, weightDecay));
}

/** The Euclidean norm of all values, a scalar. */
export function normOf(x: Tensor): Tensor {
  return sqrt(sum(mul(x, x)));
}

/** above / below, or 1 where either is 0. */
export function ratioOr1(above: Tensor, below: Tensor): Tensor {
  return choose(greater(above, 0), choose(greater(below, 0), div(above, below), 1), 1);
}

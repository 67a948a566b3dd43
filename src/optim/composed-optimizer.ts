import { noGrad } from "../autograd.js";
import type { Backend } from "../backend/backend.js";
import { add, div, mul } from "../ops/binary.js";
import { where as choose } from "../ops/choice.js";
import { greater } from "../ops/comparison.js";
import { sum } from "../ops/sum.js";
import { sqrt } from "../ops/unary.js";
import { scope } from "../scope.js";
import type { Shape } from "../shape.js";
import { empty, type Tensor } from "../tensor.js";
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

  /** @internal See {@link Optimizer.heedsGate}. */
  override get heedsGate(): boolean {
    return true;
  }

  protected override update(
    updates: readonly ParameterUpdate[],
    { lr, step, gradientScale, gate }: UpdateNumbers,
  ): void {
    scope(() =>
      noGrad(() => {
        const isScaled = gate !== null || gradientScale !== 1;
        const gradients = isScaled
          ? scaled(updates, gradientScale, gate)
          : updates.map(({ gradient }) => gradient.detach());
        const isShut = gate === null ? null : shutness(updates[0].parameter.backend, gate);
        const write = (after: Tensor, before: Tensor): void =>
          copyInto(isShut === null ? after : choose(isShut, before, after), before);
        for (const [k, { parameter, moments, weightDecay }] of updates.entries()) {
          scope(() => {
            const given = { parameter: parameter.detach(), gradient: gradients[k], moments, weightDecay, lr, step };
            const after = this.formula(given);
            write(after.parameter, parameter);
            for (const [slot, moment] of Object.entries(after.moments)) write(moment, moments[slot]);
          });
        }
      }),
    );
  }
}

const plainStep = { momentum: 0, nesterov: false, first: true } as const;

/** What a step of SGD from 0 with rate −1 gives: gradients, scaled by the gate too; 0 where it is shut. */
function scaled(updates: readonly ParameterUpdate[], gradientScale: number, gate: unknown): Tensor[] {
  const { backend } = updates[0].parameter;
  const results = updates.map(({ gradient: { shape } }) => filled(backend, shape, 0));
  const list = updates.map(({ gradient }, k) => {
    const [own, length] = [{ parameter: results[k].block, gradient: gradient.block }, gradient.size];
    return { ...own, length, weightDecay: 0, velocity: null };
  });
  backend.sgdStep(list, { ...plainStep, lr: -1, gradientScale, gate });
  return results;
}

/** 1 where a gate is shut, else 0: a step of SGD from 1 in which nothing but the decay moves. */
function shutness(backend: Backend, gate: unknown): Tensor {
  const [one, zero] = [1, 0].map((value) => filled(backend, [], value));
  const update = { parameter: one.block, gradient: zero.block, length: 1, weightDecay: 1, velocity: null };
  backend.sgdStep([update], { ...plainStep, lr: 1, gradientScale: 1, gate });
  return one;
}

function filled(backend: Backend, shape: Shape, value: number): Tensor {
  const t = empty("optimizer", backend, shape);
  backend.fill(t.block, t.size, value);
  return t;
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

import { Adagrad } from "../../optim/adagrad.js";
import { Adam, AdamW } from "../../optim/adam.js";
import { Lamb } from "../../optim/lamb.js";
import { Lars } from "../../optim/lars.js";
import { Lion } from "../../optim/lion.js";
import type { Optimizer, Parameters } from "../../optim/optimizer.js";
import { RmsProp } from "../../optim/rms-prop.js";
import { constantLr, cosineLr, cosineRestartsLr, oneCycleLr, type Schedule, stepLr } from "../../optim/schedules.js";
import { Sgd } from "../../optim/sgd.js";
import type { Tensor } from "../../tensor.js";
import { type PlateauLr, plateauLr } from "../../train/plateau-lr.js";
import type { OptimizerName, ScheduleName } from "../flags/train-flags.js";

interface Settings {
  readonly lr: number;
  readonly weightDecay: number;
  readonly decays: (parameter: Tensor) => boolean;
}

/** What `--optimizer` names. */
export const optimizers = {
  adam: (parameters: Parameters, settings: Settings): Optimizer => new Adam(parameters, settings),
  adamw: (parameters: Parameters, settings: Settings): Optimizer => new AdamW(parameters, settings),
  sgd: (parameters: Parameters, settings: Settings): Optimizer => new Sgd(parameters, { ...settings, momentum: 0.9 }),
  rmsprop: (parameters: Parameters, settings: Settings): Optimizer => new RmsProp(parameters, settings),
  adagrad: (parameters: Parameters, settings: Settings): Optimizer => new Adagrad(parameters, settings),
  lion: (parameters: Parameters, settings: Settings): Optimizer => new Lion(parameters, settings),
  lars: (parameters: Parameters, settings: Settings): Optimizer => new Lars(parameters, settings),
  lamb: (parameters: Parameters, settings: Settings): Optimizer => new Lamb(parameters, settings),
} as const satisfies Readonly<Record<OptimizerName, unknown>>;

/** Norm weights and biases do not decay. */
export function isMatrix(parameter: Tensor): boolean {
  return parameter.rank > 1;
}

/** What `--schedule` names. */
export const schedules = {
  "one-cycle": (lr: number): Schedule => oneCycleLr(lr),
  cosine: (lr: number): Schedule => cosineLr(lr),
  "cosine-restarts": (lr: number, steps: number): Schedule =>
    cosineRestartsLr(lr, { period: Math.max(1, Math.ceil(steps / 7)), growth: 2 }),
  step: (lr: number, steps: number): Schedule => stepLr(lr, { every: Math.max(1, Math.ceil(steps / 3)) }),
  plateau: (lr: number, _: number, monitor: string): PlateauLr => plateauLr(lr, { patience: 3, monitor }),
  constant: (lr: number): Schedule => constantLr(lr),
} as const satisfies Readonly<Record<ScheduleName, unknown>>;

import type { Task } from "../../data/dataset.js";
import { ArgumentError } from "../../errors.js";
import type { ParameterRule } from "../../optim/parameter-groups.js";
import type { MetricName } from "../../train/metrics.js";
import { flag, withDefault } from "./flag.js";
import { count, list, number, oneOf, type Parser } from "./parsers.js";

/** What `--loss` names, and the task that each is for. */
export const lossTasks = {
  "cross-entropy": "classification",
  focal: "classification",
  mse: "regression",
  huber: "regression",
  "smooth-l1": "regression",
  l1: "regression",
} as const satisfies Readonly<Record<string, Task>>;

/** A name of `--loss`. */
export type LossName = keyof typeof lossTasks;

const metricNames: readonly MetricName[] = ["f1", "meanIou", "auc"];
const group = "Training";
const positive: Parser<number> = (text, where) => {
  const value = number(0)(text, where);
  if (value > 0) return value;
  throw new ArgumentError({
    where,
    expected: "a number above 0",
    received: text,
    cure: "Leave the flag out for none.",
  });
};
const share: Parser<number> = (text, where) => {
  const value = number(0)(text, where);
  if (value < 1) return value;
  throw new ArgumentError({
    where,
    expected: "a share from 0 up to, not including, 1",
    received: text,
    cure: "Pass 0.1, say.",
  });
};

/** What a training loop does besides stepping. */
export const loopFlags = [
  flag("--loss <name>", {
    group,
    help: `loss: ${Object.keys(lossTasks).join(", ")}`,
    initially: "by the task",
    parse: oneOf(Object.keys(lossTasks) as LossName[]),
  }),
  flag("--label-smoothing <share>", {
    group,
    help: "share of each label spread over all classes",
    initially: "0",
    parse: share,
  }),
  flag("--class-weights <weights>", {
    group,
    help: "weight of each class in the loss, such as 1,2,0.5, or balanced",
    initially: "1 each",
    parse: checked(classWeightsOf),
  }),
  flag("--mixup <alpha>", {
    group,
    help: "blend training samples in pairs (0.2 is usual)",
    initially: "off",
    parse: positive,
  }),
  flag("--cutmix <alpha>", {
    group,
    help: "paste a part of another training image into each (1 is usual)",
    initially: "off",
    parse: positive,
  }),
  flag("--clip-norm <x>", {
    group,
    help: "scale all gradients down to this joint norm",
    initially: "off",
    parse: positive,
  }),
  flag("--adaptive-clip <factor>", {
    group,
    help: "scale each unit's gradient by the norm of its weights (0.01 is usual)",
    initially: "off",
    option: "factor",
    parse: positive,
  }),
  withDefault(flag("--accumulate <n>", { group, help: "batches whose gradients make one step", parse: count() }), 1),
  flag("--lr-of <rules>", {
    group,
    help: "factors of the learning rate, by kind or path: norm=0.5,head=10",
    initially: "1 each",
    parse: checked(rateRulesOf),
  }),
  flag("--early-stopping <epochs>", {
    group,
    help: "stop after so many epochs without a new best, whose weights are kept",
    initially: "off",
    option: "patience",
    parse: count(),
  }),
  flag("--metrics <names>", {
    group,
    help: "scores besides loss and accuracy: f1, meanIou, auc",
    initially: "none",
    parse: checked(metricsOf),
  }),
  flag("--monitor <score>", {
    group,
    help: "score to watch for the best epoch: loss, accuracy or one of --metrics",
    initially: "loss",
    parse: oneOf(["loss", "accuracy", ...metricNames]),
  }),
  flag("--average <kind>", {
    group,
    help: "save averaged weights: ema=DECAY, or swa=SHARE of the run to leave out",
    initially: "off",
    parse: checked(averageOf),
  }),
] as const;

/**
 * A text that is checked where it is given, and taken apart where it is used: it stands in the record of a run as it
 * was written.
 */
function checked(read: (text: string, where: string) => unknown): Parser<string> {
  return (text, where) => {
    read(text, where);
    return text;
  };
}

/** What `--metrics` says. */
export function metricsOf(text: string, where = "--metrics"): MetricName[] {
  return list(text, where).map((name) => oneOf(metricNames)(name, where));
}

/** What `--class-weights` says. @returns "balanced", or a weight for each class */
export function classWeightsOf(text: string, where = "--class-weights"): "balanced" | number[] {
  if (text === "balanced") return text;
  return list(text, where).map((part) => number(0)(part, where));
}

/** What `--lr-of` says. */
export function rateRulesOf(text: string, where = "--lr-of"): ParameterRule[] {
  return list(text, where).map((part) => {
    const [match, factor, ...more] = part.split("=");
    if (match !== "" && factor !== undefined && more.length === 0) return { match, lrScale: number(0)(factor, where) };
    const expected = "KIND=FACTOR or PATH=FACTOR, separated by commas";
    throw new ArgumentError({
      where,
      expected,
      received: part,
      cure: "Kinds are norm, bias and weight: norm=0.5,head=10.",
    });
  });
}

/**
 * What `--average` says: an exponential moving average, or the mean of the end of each epoch from a share of the run
 * on.
 */
export function averageOf(text: string, where = "--average"): { readonly kind: "ema" | "swa"; readonly value: number } {
  const [kind, value = "", ...more] = text.split("=");
  if ((kind === "ema" || kind === "swa") && more.length === 0) return { kind, value: share(value, `${where} ${kind}`) };
  const expected = "ema=DECAY or swa=SHARE";
  throw new ArgumentError({ where, expected, received: text, cure: "Pass for example ema=0.999 or swa=0.75." });
}

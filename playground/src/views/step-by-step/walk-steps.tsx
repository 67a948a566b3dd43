import type { ComponentChildren } from "preact";
import { formatValue } from "../../ui/format-value.js";
import type { LineRow } from "./number-line.js";
import { Fraction, Mark, type Tone } from "./symbols.js";
import type { Walk, WalkInputs } from "./walk.js";
import type { WalkSettings } from "./walk-fields.js";

/** What a step's table has for each sample. */
export type ColumnName = "x" | "centred" | "xHat" | "y" | "dy" | "dxHat" | "dx";
/** Single numbers that can be typed over. */
export type ParameterName = Exclude<keyof WalkSettings, "walkStep" | "walkX" | "walkDy">;

/** One step of the walk. */
export interface WalkStep {
  /** A word or two, for its button. */
  readonly name: string;
  readonly title: string;
  /** What happens, in plain words. */
  readonly text: ComponentChildren;
  readonly formula: ComponentChildren;
  /** The formula again, with the numbers of this batch. */
  worked(inputs: WalkInputs, walk: Walk): ComponentChildren;
  readonly columns: readonly ColumnName[];
  /** What it invites to change. */
  readonly parameters: readonly ParameterName[];
  /** What is drawn. */
  rows(inputs: WalkInputs, walk: Walk): readonly LineRow[];
}

const mean = <Mark tone="mean">μ</Mark>;
const variance = (
  <Mark tone="spread">
    σ<sup>2</sup>
  </Mark>
);
const xHat = <Mark tone="hat">x̂</Mark>;
const y = <Mark tone="out">y</Mark>;
const dy = <Mark tone="gradient">dy</Mark>;
const root = <>√({variance} + ε)</>;

const v = formatValue;
/** A number behind a minus or in a product: in brackets where it has a sign of its own. */
const factor = (value: number): string => (value < 0 ? `(${v(value)})` : v(value));
/** The first two and the last of a sum. */
const sumOf = (parts: readonly string[]): string =>
  parts.length <= 4 ? parts.join(" + ") : `${parts[0]} + ${parts[1]} + … + ${parts[parts.length - 1]}`;
const row = (symbol: string, tone: Tone, values: readonly number[]): LineRow => ({ symbol, tone, values });
/** Gradient descent goes against the gradient. */
const against = (gradient: readonly number[]): number[] => gradient.map((value) => -value);

/** The steps, in their order. */
export const walkSteps: readonly WalkStep[] = [
  {
    name: "batch",
    title: "A mini-batch",
    text: (
      <>
        Networks learn from a few samples at a time: a <b>mini-batch</b>. Follow one neuron. For each sample in the
        batch it has worked out one number, x, and passes it on. How large these numbers are depends on all the layers
        before, and those change at every training step, so the next layer never knows what size to expect. Type over
        any number.
      </>
    ),
    formula: (
      <>
        x<sub>1</sub>, x<sub>2</sub>, … , x<sub>m</sub>
      </>
    ),
    worked: ({ x }) => `m = ${x.length} ${x.length === 1 ? "sample" : "samples"}`,
    columns: ["x"],
    parameters: [],
    rows: ({ x }) => [row("x", "input", x)],
  },
  {
    name: "mean",
    title: "The mean: where the batch lies",
    text: <>Add the numbers up and divide by how many there are. The mean μ says where the batch lies.</>,
    formula: (
      <>
        {mean} ={" "}
        <Fraction
          over={
            <>
              x<sub>1</sub> + … + x<sub>m</sub>
            </>
          }
          under="m"
        />
      </>
    ),
    worked: ({ x }, { mean: value }) => (
      <>
        {mean} = <Fraction over={sumOf(x.map(factor))} under={x.length} /> = <b>{v(value)}</b>
      </>
    ),
    columns: ["x", "centred"],
    parameters: [],
    rows: ({ x }, { mean: value }) => [{ ...row("x", "input", x), mean: value, deviation: 0 }],
  },
  {
    name: "variance",
    title: "The variance: how far it is spread",
    text: (
      <>
        How far do the numbers lie from their mean? Square each distance, so that below and above count alike, and take
        the average: the variance σ². Its square root σ, the band in the drawing, is the usual distance from the mean.
      </>
    ),
    formula: (
      <>
        {variance} ={" "}
        <Fraction
          over={
            <>
              (x<sub>1</sub> − {mean})² + … + (x<sub>m</sub> − {mean})²
            </>
          }
          under="m"
        />
      </>
    ),
    worked: ({ x }, { centred, variance: value }) => (
      <>
        {variance} = <Fraction over={sumOf(centred.map((one) => `${factor(one)}²`))} under={x.length} /> ={" "}
        <b>{v(value)}</b>
      </>
    ),
    columns: ["x", "centred"],
    parameters: [],
    rows: ({ x }, { mean: value, variance: spread }) => [
      { ...row("x", "input", x), mean: value, deviation: Math.sqrt(spread) },
    ],
  },
  {
    name: "normalise",
    title: "Normalise: mean 0, spread 1",
    text: (
      <>
        Subtract the mean and divide by the spread. Whatever came in, x̂ (“x hat”) lies around 0 with spread 1: the next
        layer can rely on it. The tiny ε keeps the division sound when all numbers are equal. <b>Try it:</b> shift all
        x, or stretch them, and x̂ does not move.
      </>
    ),
    formula: (
      <>
        {xHat} = <Fraction over={<>x − {mean}</>} under={root} />
      </>
    ),
    worked: ({ x, eps }, { mean: m, variance: s, xHat: hat }) => (
      <>
        first sample: {xHat} = <Fraction over={`${v(x[0])} − ${factor(m)}`} under={`√(${v(s)} + ${v(eps)})`} /> ={" "}
        <b>{v(hat[0])}</b>
      </>
    ),
    columns: ["x", "centred", "xHat"],
    parameters: ["walkEps"],
    rows: ({ x }, { xHat: hat, mean: m, variance: s }) => [
      { ...row("x", "input", x), mean: m, deviation: Math.sqrt(s) },
      { ...row("x̂", "hat", hat), mean: 0, deviation: 1 },
    ],
  },
  {
    name: "scale and shift",
    title: "Scale and shift: the network may choose",
    text: (
      <>
        Mean 0 and spread 1 is a good start, not always the best end. So each neuron has two numbers of its own that are
        learnt like weights: γ (gamma, the new spread) and β (beta, the new mean). Training starts from γ = 1 and β = 0.
      </>
    ),
    formula: (
      <>
        {y} = γ · {xHat} + β
      </>
    ),
    worked: ({ weight, bias }, { xHat: hat, y: out }) => (
      <>
        first sample: {y} = {v(weight)} · {factor(hat[0])} + {factor(bias)} = <b>{v(out[0])}</b>
      </>
    ),
    columns: ["x", "xHat", "y"],
    parameters: ["walkWeight", "walkBias"],
    rows: ({ weight, bias }, { xHat: hat, y: out }) => [
      { ...row("x̂", "hat", hat), mean: 0, deviation: 1 },
      { ...row("y", "out", out), mean: bias, deviation: Math.abs(weight) },
    ],
  },
  {
    name: "remember",
    title: "Remember: running mean and variance",
    text: (
      <>
        A trained network may be given a single sample: no batch, no mean. So the layer keeps a memory, and moves it a
        little towards every batch it sees. The <b>momentum</b> says how much of the old memory stays. At test time the
        memory stands in for μ and σ². (PyTorch states the complement: its momentum 0.1 is 0.9 here.)
      </>
    ),
    formula: <>running ← momentum · running + (1 − momentum) · batch</>,
    worked: ({ momentum, ...before }, after) => (
      <>
        mean: {v(momentum)} · {factor(before.runningMean)} + {v(1 - momentum)} · {factor(after.mean)} ={" "}
        <b>{v(after.runningMean)}</b>
        <br />
        variance: {v(momentum)} · {factor(before.runningVar)} + {v(1 - momentum)} · {factor(after.variance)} ={" "}
        <b>{v(after.runningVar)}</b>
      </>
    ),
    columns: ["x"],
    parameters: ["walkMomentum", "walkRunningMean", "walkRunningVar"],
    rows: (before, after) => [
      interval("before", "quiet", before.runningMean, before.runningVar),
      interval("batch", "mean", after.mean, after.variance),
      interval("after", "hat", after.runningMean, after.runningVar),
    ],
  },
  {
    name: "gradient",
    title: "Backwards: what the loss asks for",
    text: (
      <>
        To learn, the network asks in which direction each number should have been. The <b>gradient</b> dy says by how
        much the error (the “loss”) would grow if that sample’s y grew by a little; training pushes the other way, along
        the arrows. It comes from the layers behind, so here you make it up: at first only the last sample matters.
      </>
    ),
    formula: (
      <>
        {dy} = <Fraction over="∂ loss" under={<>∂ {y}</>} />
      </>
    ),
    worked: ({ dy: given }) => `given: ${given.map(v).join(", ")}`,
    columns: ["y", "dy"],
    parameters: [],
    rows: ({ dy: given }, { y: out }) => [{ ...row("y", "out", out), push: against(given) }],
  },
  {
    name: "of γ and β",
    title: "Gradients of γ and β",
    text: (
      <>
        β moves every output alike, so its gradient is the sum of all dy. γ moves each output in proportion to its x̂, so
        there each dy counts x̂ times. Training makes a small step against both.
      </>
    ),
    formula: (
      <>
        dβ = Σ {dy}, &nbsp; dγ = Σ {dy} · {xHat}
      </>
    ),
    worked: ({ dy: given }, { dBias, dWeight, xHat: hat }) => (
      <>
        dβ = {sumOf(given.map(factor))} = <b>{v(dBias)}</b>
        <br />
        dγ = {sumOf(given.map((value, k) => `${factor(value)}·${factor(hat[k])}`))} = <b>{v(dWeight)}</b>
      </>
    ),
    columns: ["xHat", "dy"],
    parameters: [],
    rows: ({ dy: given }, { xHat: hat }) => [{ ...row("x̂", "hat", hat), push: against(given) }],
  },
  {
    name: "of x",
    title: "The gradient of x: all samples are tied together",
    text: (
      <>
        Each x moves its own output, and also the mean and the spread that all samples share. So even a sample whose own
        dy is 0 gets a push. Two parts of the wish are taken out, because they cannot be granted: pushing all x the same
        way, or apart in proportion, would change no output at all. What is left sums to 0.
      </>
    ),
    formula: (
      <>
        <Mark tone="gradient">dx</Mark> ={" "}
        <Fraction
          over={
            <>
              g − mean(g) − {xHat} · mean(g · {xHat})
            </>
          }
          under={root}
        />
        , &nbsp; g = γ · {dy}
      </>
    ),
    worked: (_, { meanDxHat, meanDxHatXHat, root: divisor, dxHat, xHat: hat, dx }) => (
      <>
        mean(g) = {v(meanDxHat)}, mean(g · x̂) = {v(meanDxHatXHat)}, √(σ² + ε) = {v(divisor)}
        <br />
        first sample: <Mark tone="gradient">dx</Mark> ={" "}
        <Fraction
          over={`${factor(dxHat[0])} − ${factor(meanDxHat)} − ${factor(hat[0])} · ${factor(meanDxHatXHat)}`}
          under={v(divisor)}
        />{" "}
        = <b>{v(dx[0])}</b>
        <br />Σ dx = <b>{v(dx.reduce((total, value) => total + value, 0))}</b>
      </>
    ),
    columns: ["xHat", "dy", "dxHat", "dx"],
    parameters: ["walkWeight"],
    rows: ({ x, dy: given }, { y: out, dx }) => [
      { ...row("y", "out", out), push: against(given) },
      { ...row("x", "input", x), push: against(dx) },
    ],
  },
];

/** A mean with the spread around it. */
function interval(symbol: string, tone: Tone, middle: number, spread: number): LineRow {
  return { symbol, tone, values: [middle], mean: middle, deviation: Math.sqrt(Math.max(0, spread)) };
}

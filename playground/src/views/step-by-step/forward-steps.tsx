import { formatValue as v } from "../../ui/format-value.js";
import { type LineRow, rowOf } from "./number-line.js";
import { Fraction, symbols, type Tone } from "./symbols.js";
import type { WalkStep } from "./walk-step.js";
import { factor, sumOf } from "./worked-formula.js";

const { mean, variance, root, xHat, y } = symbols;

/** From the batch to what the layer gives and remembers. */
export const forwardSteps: readonly WalkStep[] = [
  {
    name: "batch",
    title: "A mini-batch",
    text: (
      <>
        Networks learn from a few samples at a time: a <b>mini-batch</b>. Follow one neuron. For each sample in the
        batch it has computed one number, x, and passes it on. How large these numbers are depends on all the layers
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
    rows: ({ x }) => [rowOf("x", "input", x)],
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
    rows: ({ x }, { mean: value }) => [{ ...rowOf("x", "input", x), mean: value, deviation: 0 }],
  },
  {
    name: "variance",
    title: "The variance: how far the batch reaches",
    text: (
      <>
        How far do the numbers lie from their mean? Square each distance, so that below and above count alike, and take
        the average: the variance σ². Its square root is the standard deviation σ, the usual distance from the mean: the
        band in the drawing.
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
      { ...rowOf("x", "input", x), mean: value, deviation: Math.sqrt(spread) },
    ],
  },
  {
    name: "normalise",
    title: "Normalise: mean 0, standard deviation 1",
    text: (
      <>
        Subtract the mean and divide by the standard deviation. Whatever came in, x̂ (“x hat”) has mean 0 and standard
        deviation 1, and the next layer can rely on it. The small ε prevents a division by 0 when all numbers are equal.{" "}
        <b>Try it:</b> shift all x, or stretch them, and x̂ does not move.
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
      { ...rowOf("x", "input", x), mean: m, deviation: Math.sqrt(s) },
      { ...rowOf("x̂", "hat", hat), mean: 0, deviation: 1 },
    ],
  },
  {
    name: "scale and shift",
    title: "Scale and shift: the network may choose",
    text: (
      <>
        Mean 0 and standard deviation 1 are a good start, not always the best end. So each neuron has two parameters
        that are learned like weights: γ (gamma, the new standard deviation) and β (beta, the new mean). Training starts
        from γ = 1 and β = 0.
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
      { ...rowOf("x̂", "hat", hat), mean: 0, deviation: 1 },
      { ...rowOf("y", "out", out), mean: bias, deviation: Math.abs(weight) },
    ],
  },
  {
    name: "remember",
    title: "Remember: running mean and variance",
    text: (
      <>
        A trained network may be given a single sample: no batch, no mean. So the layer keeps a running mean and
        variance, and moves them a little towards those of every batch. The <b>momentum</b> is the weight of the old
        value. At inference they replace μ and σ². (PyTorch states the complement: its momentum 0.1 is 0.9 here.)
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
];

/** A mean, and the standard deviation around it. */
function interval(symbol: string, tone: Tone, middle: number, spread: number): LineRow {
  return { symbol, tone, values: [middle], mean: middle, deviation: Math.sqrt(Math.max(0, spread)) };
}

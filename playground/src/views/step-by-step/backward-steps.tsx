import { formatValue as v } from "../../ui/format-value.js";
import { rowOf } from "./number-line.js";
import { Fraction, Mark, symbols } from "./symbols.js";
import type { WalkStep } from "./walk-step.js";
import { factor, sumOf } from "./worked-formula.js";

const { root, xHat, y, dy } = symbols;

/** Gradient descent goes against the gradient. */
const against = (gradient: readonly number[]): number[] => gradient.map((value) => -value);

/** From what the loss asks for back to the batch. */
export const backwardSteps: readonly WalkStep[] = [
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
    rows: ({ dy: given }, { y: out }) => [{ ...rowOf("y", "out", out), push: against(given) }],
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
    rows: ({ dy: given }, { xHat: hat }) => [{ ...rowOf("x̂", "hat", hat), push: against(given) }],
  },
  {
    name: "of x",
    title: "The gradient of x: all samples are tied together",
    text: (
      <>
        Each x moves its own output, and also the mean and the standard deviation that all samples share. So even a
        sample whose own dy is 0 has a gradient. Two parts of g have no effect and are subtracted: moving all x the same
        way, or scaling them around their mean, changes no output at all. What is left sums to 0.
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
      { ...rowOf("y", "out", out), push: against(given) },
      { ...rowOf("x", "input", x), push: against(dx) },
    ],
  },
];

import type { ComponentChildren } from "preact";

/** Each kind of number has one colour, in formulas, tables and drawings. */
export type Tone = "input" | "mean" | "spread" | "hat" | "out" | "gradient" | "quiet";

/** A symbol of a formula in its colour. */
export function Mark({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <i class={`mark ${tone}`}>{children}</i>;
}

/** One over the other. */
export function Fraction({ over, under }: { readonly over: ComponentChildren; readonly under: ComponentChildren }) {
  return (
    <span class="fraction">
      <span class="over">{over}</span>
      <span class="unseen"> / </span>
      <span class="under">{under}</span>
    </span>
  );
}

const variance = (
  <Mark tone="spread">
    σ<sup>2</sup>
  </Mark>
);

/** What the formulas are made of. */
export const symbols = {
  mean: <Mark tone="mean">μ</Mark>,
  variance,
  /** √(σ² + ε) */
  root: <>√({variance} + ε)</>,
  xHat: <Mark tone="hat">x̂</Mark>,
  y: <Mark tone="out">y</Mark>,
  dy: <Mark tone="gradient">dy</Mark>,
};

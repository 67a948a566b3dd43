import { useEffect, useState } from "preact/hooks";
import type { Run } from "../../run.js";
import { Mark } from "./symbols.js";
import type { WalkThrough } from "./walk-through.js";
import "./step-by-step.css";
import type { Part } from "../part.js";

/** Part 4: one mini-batch walks through the formula, forwards and backwards. */
export const stepByStep: Part = {
  id: "step-by-step",
  title: "Step by step",
  text: (
    <p>
      All of batch normalisation is arithmetic that you can follow by hand: a few numbers go in, and as many come out.
      Walk through it, and type over any number in a box: the layer that trains above computes all that follows again.
    </p>
  ),
  formula: (
    <>
      <Mark tone="hat">x̂</Mark> = (x − <Mark tone="mean">μ</Mark>) / √(<Mark tone="spread">σ²</Mark> + ε),{" "}
      <Mark tone="out">y</Mark> = γ <Mark tone="hat">x̂</Mark> + β
    </>
  ),
  source: (
    <>
      Ioffe &amp; Szegedy 2015, Algorithm 1, and §3 for the gradients,{" "}
      <a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>
    </>
  ),
  View: StepByStep,
};

/** The library comes after the first picture, which the worker draws without it. */
function StepByStep({ run }: { readonly run: Run }) {
  const hasPicture = run.snapshot.value !== null;
  const [View, setView] = useState<typeof WalkThrough | null>(null);
  useEffect(() => {
    if (hasPicture) void import("./walk-through.js").then((loaded) => setView(() => loaded.WalkThrough));
  }, [hasPicture]);
  return View === null ? null : <View run={run} />;
}

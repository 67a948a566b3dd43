import { useEffect, useMemo, useState } from "preact/hooks";
import type { Run } from "../../run.js";
import { backwardSteps } from "./backward-steps.js";
import { forwardSteps } from "./forward-steps.js";
import { NumberLine } from "./number-line.js";
import { ParameterBoxes } from "./parameter-boxes.js";
import { Mark } from "./symbols.js";
import type { Walk, walk } from "./walk.js";
import { walkInputsOf } from "./walk-inputs.js";
import { WalkTable } from "./walk-table.js";
import { WalkTrials } from "./walk-trials.js";
import "./step-by-step.css";
import type { Part } from "../part.js";

/** Part 4: one mini-batch walks through the formula, forwards and backwards. */
export const stepByStep: Part = {
  id: "step-by-step",
  title: "Step by step",
  text: (
    <p>
      All of batch normalisation is arithmetic that you can follow by hand: a few numbers go in, and as many come out.
      Walk through it, and type over any number in a box; all that follows is worked out anew, by the same layer that
      trains above.
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

const walkSteps = [...forwardSteps, ...backwardSteps];

function StepByStep({ run }: { readonly run: Run }) {
  const settings = run.settings.value.view;
  const inputs = walkInputsOf(settings);
  const hasPicture = run.snapshot.value !== null;
  const [walkThrough, setWalk] = useState<typeof walk | null>(null);
  // The library comes after the first picture, which the worker draws without it.
  useEffect(() => {
    if (hasPicture) void import("./walk.js").then((loaded) => setWalk(() => loaded.walk));
  }, [hasPicture]);
  const { walked, error } = useMemo(() => attempt(walkThrough, inputs), [walkThrough, JSON.stringify(inputs)]);
  const place = settings.walkStep;
  const step = walkSteps[place - 1];
  const isLast = place === walkSteps.length;
  return (
    <div class="walk">
      <div class="walk-way">
        <ol class="walk-steps" aria-label="Steps of the walk">
          {walkSteps.map(({ name, title }, k) => (
            <li key={name}>
              <button
                type="button"
                aria-current={k === place - 1 ? "step" : undefined}
                title={title}
                onClick={() => run.show({ walkStep: k + 1 })}
              >
                {k + 1} {name}
              </button>
            </li>
          ))}
        </ol>
        <div class="walk-buttons">
          <button type="button" disabled={place === 1} onClick={() => run.show({ walkStep: place - 1 })}>
            Back
          </button>
          <button type="button" class="main" onClick={() => run.show({ walkStep: isLast ? 1 : place + 1 })}>
            {isLast ? "Start again" : "Next"}
          </button>
        </div>
      </div>
      <div class="walk-say">
        <div aria-live="polite">
          <h3>
            {place}. {step.title}
          </h3>
          <p>{step.text}</p>
          <p class="formula">{step.formula}</p>
          {walked !== null && <p class="worked">{step.worked(inputs, walked)}</p>}
        </div>
        <div role="status">
          {error !== null && <p class="note bad">The layer refuses: {error}</p>}
          {walked?.warnings.map((warning) => (
            <p key={warning} class="note">
              The layer warns: {warning}
            </p>
          ))}
        </div>
      </div>
      <div class="walk-show">
        {walked !== null && (
          <NumberLine rows={step.rows(inputs, walked)} label={`The numbers of this step along a line: ${step.title}`} />
        )}
        <WalkTable
          names={step.columns}
          inputs={inputs}
          walk={walked}
          onChange={(name, values) => run.show(name === "x" ? { walkX: values } : { walkDy: values })}
        />
      </div>
      <div class="walk-change">
        <ParameterBoxes settings={settings} now={step.parameters} onChange={run.show} />
        <WalkTrials settings={settings} onChange={run.show} />
      </div>
    </div>
  );
}

/** The library's own words where it refuses; nothing as long as it is not there. */
function attempt(
  walkThrough: typeof walk | null,
  inputs: Parameters<typeof walk>[0],
): { walked: Walk | null; error: string | null } {
  try {
    return { walked: walkThrough === null ? null : walkThrough(inputs), error: null };
  } catch (error) {
    return { walked: null, error: error instanceof Error ? error.message : String(error) };
  }
}

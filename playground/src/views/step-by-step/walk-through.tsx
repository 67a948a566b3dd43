import { useMemo } from "preact/hooks";
import type { Run } from "../../run.js";
import { backwardSteps } from "./backward-steps.js";
import { forwardSteps } from "./forward-steps.js";
import { NumberLine } from "./number-line.js";
import { ParameterBoxes } from "./parameter-boxes.js";
import { type Walk, walk } from "./walk.js";
import { walkInputsOf } from "./walk-inputs.js";
import { WalkTable } from "./walk-table.js";
import { WalkTrials } from "./walk-trials.js";

const walkSteps = [...forwardSteps, ...backwardSteps];

/** The steps of the walk, the numbers of the one that is shown, and boxes to change them. */
export function WalkThrough({ run }: { readonly run: Run }) {
  const settings = run.settings.value.view;
  const inputs = walkInputsOf(settings);
  const { walked, error } = useMemo(() => attempt(inputs), [JSON.stringify(inputs)]);
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

/** The library's own words where it refuses. */
function attempt(inputs: Parameters<typeof walk>[0]): { walked: Walk | null; error: string | null } {
  try {
    return { walked: walk(inputs), error: null };
  } catch (error) {
    return { walked: null, error: error instanceof Error ? error.message : String(error) };
  }
}

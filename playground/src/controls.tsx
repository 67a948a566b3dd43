import type { Run } from "./run.js";

/** Train, pause, step, reset, and how far training has come. */
export function Controls({ run }: { readonly run: Run }) {
  const running = run.running.value;
  const networks = run.snapshot.value?.networks ?? [];
  const steps = Math.max(0, ...networks.map(({ steps }) => steps));
  return (
    <fieldset class="controls">
      <legend class="unseen">Training</legend>
      <button type="button" class="main" onClick={running ? run.pause : run.start}>
        {running ? "Pause" : "Train"}
      </button>
      <button type="button" onClick={() => run.step()}>
        Step
      </button>
      <button type="button" onClick={run.reset}>
        Reset
      </button>
      <span class="steps">
        Step <output>{steps.toLocaleString("en")}</output>
      </span>
    </fieldset>
  );
}

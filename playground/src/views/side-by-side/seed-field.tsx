import { useId } from "preact/hooks";
import type { Run } from "../../run.js";
import { sharedFields } from "../../settings.js";

/** What every random number of a run follows from. */
export function SeedField({ run }: { readonly run: Run }) {
  const id = useId();
  const { seed } = run.settings.value.experiment;
  return (
    <div class="field seed">
      <label for={id} title="All random numbers of the run follow from it: equal seeds give equal runs, bit for bit.">
        Seed
      </label>
      <input
        id={id}
        type="number"
        min={sharedFields.seed.least}
        max={sharedFields.seed.most}
        step={1}
        value={seed}
        onChange={({ currentTarget }) => {
          const value = sharedFields.seed.parse(currentTarget.value);
          if (value === null) currentTarget.value = String(seed);
          else run.change({ seed: value });
        }}
      />
      <button type="button" onClick={() => run.change({ seed: seed === sharedFields.seed.most ? 0 : seed + 1 })}>
        Next
      </button>
    </div>
  );
}

import type { Run } from "../../run.js";
import { sharedFields } from "../../settings.js";
import { Slider } from "../../ui/slider.js";
import { dataWords } from "../../words.js";
import { SeedField } from "./seed-field.js";

/** What both networks learn. */
export function DataPicker({ run }: { readonly run: Run }) {
  const { data, noise } = run.settings.value.experiment;
  return (
    <fieldset class="data-picker">
      <legend class="unseen">Data</legend>
      <div class="choices">
        {sharedFields.data.names.map((name) => (
          <label key={name} class="choice">
            <input type="radio" name="data" checked={name === data} onChange={() => run.change({ data: name })} />
            <span>{dataWords[name]}</span>
          </label>
        ))}
      </div>
      {data !== "digits" && (
        <Slider
          label="Noise"
          least={sharedFields.noise.least}
          most={0.3}
          step={0.01}
          value={noise}
          onChange={(value) => run.change({ noise: value })}
        />
      )}
      <SeedField run={run} />
    </fieldset>
  );
}

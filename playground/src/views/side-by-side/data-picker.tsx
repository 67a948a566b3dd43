import type { Run } from "../../run.js";
import { sharedFields } from "../../settings.js";
import { Choices } from "../../ui/choices.js";
import { Slider } from "../../ui/slider.js";
import { dataWords } from "../../words.js";
import { DevicePicker } from "./device-picker.js";
import { SeedField } from "./seed-field.js";

/** What both networks learn, and what computes. */
export function DataPicker({ run }: { readonly run: Run }) {
  const { data, noise } = run.settings.value.experiment;
  return (
    <div class="data-picker">
      <Choices
        label="Data"
        name="data"
        options={sharedFields.data.names.map((name) => [name, dataWords[name]] as const)}
        value={data}
        onChange={(name) => run.change({ data: name })}
      />
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
      <DevicePicker run={run} />
    </div>
  );
}

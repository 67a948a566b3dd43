import { NumberBox } from "../../ui/number-box.js";
import { type WalkSettings, walkFields } from "../../view-fields.js";
import type { ParameterName } from "./walk-step.js";

const labels: Readonly<Record<ParameterName, string>> = {
  walkWeight: "γ",
  walkBias: "β",
  walkEps: "ε",
  walkMomentum: "momentum",
  walkRunningMean: "running mean before",
  walkRunningVar: "running variance before",
};

interface ParameterBoxesProps {
  readonly settings: WalkSettings;
  /** Those that the present step is about. */
  readonly now: readonly ParameterName[];
  readonly onChange: (change: Partial<WalkSettings>) => void;
}

/** The single numbers of the walk, each of which can be typed over at any step. */
export function ParameterBoxes({ settings, now, onChange }: ParameterBoxesProps) {
  return (
    <fieldset class="parameters" aria-label="Numbers of the layer">
      {(Object.keys(labels) as ParameterName[]).map((name) => (
        <span key={name} class={now.includes(name) ? "now" : ""}>
          <span aria-hidden="true">{labels[name]}</span>{" "}
          <NumberBox
            label={labels[name]}
            field={walkFields[name]}
            value={settings[name]}
            onChange={(value) => onChange({ [name]: value })}
          />
        </span>
      ))}
    </fieldset>
  );
}

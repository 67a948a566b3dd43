import { useId } from "preact/hooks";

interface SliderProps {
  readonly label: string;
  readonly least: number;
  readonly most: number;
  readonly step: number;
  readonly value: number;
  /** What is shown of the value. @defaultValue the number */
  readonly text?: string;
  /** Takes each value on the way. */
  readonly onInput?: (value: number) => void;
  /** Takes the value on which the slider is let go. */
  readonly onChange?: (value: number) => void;
}

/** A labelled slider that shows its value. */
export function Slider({ label, least, most, step, value, text = String(value), onInput, onChange }: SliderProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>
        {label} <output class="value">{text}</output>
      </label>
      <input
        id={id}
        type="range"
        min={least}
        max={most}
        step={step}
        value={value}
        aria-valuetext={text}
        onInput={({ currentTarget }) => onInput?.(currentTarget.valueAsNumber)}
        onChange={({ currentTarget }) => onChange?.(currentTarget.valueAsNumber)}
      />
    </div>
  );
}

import { useId } from "preact/hooks";

/** A labelled choice; each option has the text that stands for it in the address. */
export function Select({
  label,
  hideLabel = false,
  options,
  value,
  tone = "",
  onChange,
}: {
  readonly label: string;
  readonly hideLabel?: boolean;
  readonly options: readonly (readonly [value: string, words: string])[];
  readonly value: string;
  /** A class for its looks. */
  readonly tone?: string;
  readonly onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div class={`field ${tone}`}>
      <label for={id} class={hideLabel ? "unseen" : ""}>
        {label}
      </label>
      <select id={id} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {options.map(([name, words]) => (
          <option key={name} value={name} selected={name === value}>
            {words}
          </option>
        ))}
      </select>
    </div>
  );
}

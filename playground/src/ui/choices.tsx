/** A labelled row of names of which one is chosen. */
export function Choices<T extends string>({
  label,
  hideLabel = false,
  name,
  options,
  value,
  onChange,
}: {
  readonly label: string;
  readonly hideLabel?: boolean;
  /** Sets the row apart from others on the page. */
  readonly name: string;
  readonly options: readonly (readonly [value: T, words: string])[];
  readonly value: T;
  readonly onChange: (value: T) => void;
}) {
  return (
    <fieldset class="labelled-choices">
      <legend class={hideLabel ? "unseen" : ""}>{label}</legend>
      <div class="choices">
        {options.map(([option, words]) => (
          <label key={option} class="choice">
            <input type="radio" name={name} checked={option === value} onChange={() => onChange(option)} />
            <span>{words}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

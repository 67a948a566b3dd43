import { useState } from "preact/hooks";
import type { Field } from "../fields.js";

interface NumberBoxProps {
  /** What is read out. */
  readonly label: string;
  /** What may be written. */
  readonly field: Field<number>;
  readonly value: number;
  readonly onChange: (value: number) => void;
}

/**
 * A number that can be typed over. What cannot be understood yet, such as a lone minus, stays in the box, marked, and
 * changes nothing.
 */
export function NumberBox({ label, field, value, onChange }: NumberBoxProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const shown = draft ?? field.format(value);
  const understood = parse(field, shown);
  return (
    <input
      class="number"
      type="text"
      inputMode="text"
      autoComplete="off"
      spellcheck={false}
      aria-label={label}
      aria-invalid={understood === null}
      value={shown}
      onInput={({ currentTarget }) => {
        setDraft(currentTarget.value);
        const next = parse(field, currentTarget.value);
        if (next !== null && next !== value) onChange(next);
      }}
      onBlur={() => setDraft(null)}
      onKeyDown={(event) => {
        const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (direction === undefined) return;
        event.preventDefault();
        setDraft(null);
        const next = field.parse(String(Number((value + direction * stepFor(value)).toPrecision(9))));
        if (next !== null) onChange(next);
      }}
    />
  );
}

/** A comma is a point for many. */
function parse(field: Field<number>, text: string): number | null {
  return field.parse(text.replace(",", ".").replace("−", "-"));
}

/** What an arrow key adds: 1 to numbers of a few units, and a tenth of its size to a small one. */
function stepFor(value: number): number {
  const size = Math.abs(value);
  return size === 0 || size >= 1 ? 1 : 10 ** Math.floor(Math.log10(size));
}

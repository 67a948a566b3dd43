import { fewest, most, type WalkSettings, walkFields } from "../../view-fields.js";

/** Things worth trying, each a press away. */
const trials: readonly { readonly name: string; change(settings: WalkSettings): Partial<WalkSettings> }[] = [
  { name: "Shift all x by 10", change: ({ walkX }) => ({ walkX: walkX.map((value) => within(value + 10)) }) },
  { name: "Stretch all x by 3", change: ({ walkX }) => ({ walkX: walkX.map((value) => within(value * 3)) }) },
  { name: "One outlier", change: ({ walkX }) => ({ walkX: walkX.with(-1, 40) }) },
  { name: "All equal", change: ({ walkX }) => ({ walkX: walkX.map(() => walkX[0]) }) },
];

interface WalkTrialsProps {
  readonly settings: WalkSettings;
  readonly onChange: (change: Partial<WalkSettings>) => void;
}

/** Buttons that change the batch as a whole. */
export function WalkTrials({ settings, onChange }: WalkTrialsProps) {
  const { walkX: x, walkDy: dy } = settings;
  return (
    <div class="walk-buttons walk-trials">
      <span>Try:</span>
      {trials.map(({ name, change }) => (
        <button key={name} type="button" onClick={() => onChange(change(settings))}>
          {name}
        </button>
      ))}
      <button
        type="button"
        disabled={x.length === most}
        onClick={() => onChange({ walkX: [...x, x[x.length - 1] + 1], walkDy: [...padded(dy, x.length), 0] })}
      >
        Add a sample
      </button>
      <button
        type="button"
        disabled={x.length === fewest}
        onClick={() => onChange({ walkX: x.slice(0, -1), walkDy: padded(dy, x.length).slice(0, -1) })}
      >
        Take one away
      </button>
      <button type="button" onClick={() => onChange(initialNumbers)}>
        As at first
      </button>
    </div>
  );
}

/** All numbers as the page opens with them; the walk stays where it is. */
const { walkStep: _, ...initialNumbers } = Object.fromEntries(
  Object.entries(walkFields).map(([name, { initial }]) => [name, initial]),
) as WalkSettings;

function padded(values: readonly number[], length: number): readonly number[] {
  return Array.from({ length }, (_, k) => values[k] ?? 0);
}

/** The range that boxes take. */
function within(value: number): number {
  return Math.max(-1e6, Math.min(1e6, value));
}

import { useEffect, useState } from "preact/hooks";
import type { Run } from "../../run.js";
import { Choices } from "../../ui/choices.js";
import { formatPercent } from "../../ui/format-value.js";
import { useAnswer } from "../../ui/use-answer.js";
import { MatesMap } from "./mates-map.js";

const rounds = 24;
/** How long each batch is shown, in ms. */
const beat = 600;
const sizes = ["1", "2", "4", "8", "32", "128"] as const;

/** One sample in batch after batch: its output moves in training, and stands still at inference. */
export function BatchMatesView({
  run,
  network,
  visible,
}: {
  readonly run: Run;
  readonly network: 0 | 1;
  readonly visible: boolean;
}) {
  const { experiment, view } = run.settings.value;
  const [round, setRound] = useState(0);
  const [playing, setPlaying] = useState(false);
  const { value, error } = useAnswer(
    run,
    "batchMates",
    { network, size: view.mates, rounds, seed: experiment.seed },
    visible,
  );
  const next = (): void => setRound((count) => (count + 1) % rounds);
  useEffect(() => {
    if (!playing || !visible) return;
    const timer = setInterval(next, beat);
    return () => clearInterval(timer);
  }, [playing, visible]);
  return (
    <article class="experiment">
      <h3>One sample and its batch-mates</h3>
      <p>
        The big point stays; the others of its batch are drawn anew each time. In training they change the mean and
        standard deviation, so they move <b>its</b> output too, and more so in small batches. At inference they do not
        matter.
      </p>
      <Choices
        label="Samples in the batch"
        name="mates"
        options={sizes.map((size) => [size, size] as const)}
        value={String(view.mates) as (typeof sizes)[number]}
        onChange={(size) => run.show({ mates: Number(size) })}
      />
      <div class="walk-buttons mates-buttons">
        <button type="button" onClick={() => setPlaying(!playing)}>
          {playing ? "Stop" : "New batches, one after another"}
        </button>
        <button type="button" onClick={next}>
          One new batch
        </button>
      </div>
      {error !== null && <p class="note bad">The library says: {error}</p>}
      {value !== null && value.training.length > round && (
        <>
          <Strip label="in training" values={value.training} round={round} tone="gradient" />
          <Strip label="at inference" values={value.test} round={round} tone="hat" />
          <p class="strip-scale" aria-hidden="true">
            <span>0</span> <span>probability that the network gives to the sample’s own class</span> <span>1</span>
          </p>
          {run.data.value?.shape.length === 1 && (
            <MatesMap samples={run.data.value.train} sample={value.sample} mates={value.mates[round]} />
          )}
        </>
      )}
    </article>
  );
}

/** Where the output has been in each round, and where it is now. */
function Strip({
  label,
  values,
  round,
  tone,
}: {
  readonly label: string;
  readonly values: Float32Array;
  readonly round: number;
  readonly tone: string;
}) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const range =
    formatPercent(least) === formatPercent(most)
      ? `always ${formatPercent(least)}`
      : `${formatPercent(least)} to ${formatPercent(most)}`;
  const at = (value: number): string => `${4 + 92 * value}%`;
  return (
    <div class={`strip ${tone}`}>
      <p>
        <b>{label}</b>: {formatPercent(values[round])} <span class="value">({range})</span>
      </p>
      <svg width="100%" height="26" role="img" aria-label={`${label}: ${range} over ${values.length} batches`}>
        <line x1={at(0)} x2={at(1)} y1="13" y2="13" />
        {Array.from(values, (value, k) => (
          <circle key={k} class="past" cx={at(value)} cy="13" r="4" />
        ))}
        <circle cx={at(values[round])} cy="13" r="9" />
      </svg>
    </div>
  );
}

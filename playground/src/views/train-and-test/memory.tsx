import { momenta } from "../../training/momenta.js";
import { populationSize } from "../../training/population-size.js";
import { Chart } from "../../ui/chart.js";
import { Slider } from "../../ui/slider.js";
import { useAnswer } from "../../ui/use-answer.js";
import type { PlaceViewProps } from "./place-view.js";

/** What a momentum does to the running mean. */
function verdictOn(momentum: number): string {
  if (momentum === 0) return "Nothing is averaged: the running mean is that of the last batch, with all its noise.";
  const batches = Math.round(1 / (1 - momentum));
  if (momentum < 0.85)
    return `It averages over about ${batches} batches: quick to follow, and nearly as noisy as they are.`;
  if (momentum < 0.985) return `It averages over about ${batches} batches: smooth, and not far behind.`;
  return `It averages over about ${batches} batches: very smooth, but it lags behind while the network still changes.`;
}

/** Batch mean, running mean and population mean over training, with a slider for the momentum. */
export function Memory({ run, place, visible }: PlaceViewProps) {
  const { memory } = run.settings.value.view;
  const chosen = momenta.findIndex((momentum) => String(momentum) === memory);
  const { value } = useAnswer(run, "statistics", place, visible);
  const samples = Math.min(populationSize, run.data.value?.train.labels.length ?? populationSize);
  return (
    <article class="experiment">
      <h3>What momentum does to running statistics</h3>
      <p>
        The mean of one unit of layer {place.layer + 1}: of each batch (pale, noisy), over {samples} training samples
        (dashed), and the running one. Move the slider: more momentum means less noise and more lag. It changes the
        network at inference only, not its training.
      </p>
      <Slider
        label="Momentum"
        least={0}
        most={momenta.length - 1}
        step={1}
        value={chosen}
        text={memory}
        onInput={(place) => run.show({ memory: String(momenta[place]) })}
      />
      {value !== null && (
        <Chart
          title="Mean of unit 1"
          y="mean"
          height={220}
          series={[
            { name: "batch", tone: "faint", x: value.step, y: value.batch },
            { name: "running", tone: "tone-hat", x: value.step, y: value[`${chosen}`] },
            { name: `${samples} samples`, tone: "tone-out", x: value.step, y: value.population, dashed: true },
          ]}
        />
      )}
      <p class="note" role="status">
        {verdictOn(Number(memory))}
      </p>
    </article>
  );
}

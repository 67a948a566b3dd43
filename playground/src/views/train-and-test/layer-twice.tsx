import { Choices } from "../../ui/choices.js";
import { formatHundredths, formatPercent } from "../../ui/format-value.js";
import { Histogram } from "../../ui/histogram.js";
import { useAnswer } from "../../ui/use-answer.js";
import type { PlaceViewProps } from "./place-view.js";

/** One layer, one batch, and a switch between the two kinds of statistics. */
export function LayerTwiceView({ run, place, visible }: PlaceViewProps) {
  const { statistics } = run.settings.value.view;
  const { value, error } = useAnswer(run, "layerTwice", place, visible);
  const shown = value?.[statistics];
  return (
    <article class="experiment">
      <h3>The same layer, twice</h3>
      <p>
        One batch goes through layer {place.layer + 1}. With <b>batch</b> statistics its output lies on the pale bell,
        scaled by γ and shifted by β. With <b>running</b> statistics it does so only if they fit the data: look after a
        few steps, then after a few hundred.
      </p>
      <Choices
        label="Normalise with"
        name="statistics"
        options={[
          ["batch", "batch: training"],
          ["running", "running: inference"],
        ]}
        value={statistics}
        onChange={(chosen) => run.show({ statistics: chosen })}
      />
      {error !== null && <p class="note bad">The library says: {error}</p>}
      {value !== null && shown !== undefined && (
        <>
          <Histogram
            label={`Layer ${place.layer + 1} normalised with ${statistics} statistics: mean ${formatHundredths(shown.mean)}, standard deviation ${formatHundredths(shown.deviation)}`}
            tone={place.network === 0 ? "a" : "b"}
            bars={shown}
            line={null}
          />
          <dl class="facts">
            <div>
              <dt>mean of the output</dt>
              <dd>{formatHundredths(shown.mean)}</dd>
            </div>
            <div>
              <dt>its standard deviation</dt>
              <dd>{formatHundredths(shown.deviation)}</dd>
            </div>
            <div>
              <dt>largest difference between the two ways</dt>
              <dd>{formatHundredths(value.difference)}</dd>
            </div>
            <div>
              <dt>new samples right, with batch statistics</dt>
              <dd>{formatPercent(value.accuracy.batch)}</dd>
            </div>
            <div>
              <dt>the same, with running statistics</dt>
              <dd>{formatPercent(value.accuracy.running)}</dd>
            </div>
          </dl>
        </>
      )}
    </article>
  );
}

import type { Run } from "../../run.js";
import type { Place } from "../../training/train-and-test.js";
import { Choices } from "../../ui/choices.js";
import { formatValue } from "../../ui/format-value.js";
import { Histogram } from "../../ui/histogram.js";
import { useAnswer } from "../../ui/use-answer.js";

/** One layer, one batch, and a switch between the two kinds of statistics. */
export function LayerTwiceView({
  run,
  place,
  visible,
}: {
  readonly run: Run;
  readonly place: Place;
  readonly visible: boolean;
}) {
  const { statistics } = run.settings.value.view;
  const { value, error } = useAnswer(run, "layerTwice", place, visible);
  const shown = value?.[statistics];
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  return (
    <article class="experiment">
      <h3>The same layer, twice</h3>
      <p>
        One batch goes through layer {place.layer + 1}. With <b>batch</b> statistics its output lies on the pale bell,
        scaled by γ and shifted by β. With <b>running</b> statistics it does so only if the memory fits: look after a
        few steps, then after a few hundred.
      </p>
      <Choices
        label="Normalise with"
        name="statistics"
        options={[
          ["batch", "batch: training"],
          ["running", "running: test time"],
        ]}
        value={statistics}
        onChange={(chosen) => run.show({ statistics: chosen })}
      />
      {error !== null && <p class="note bad">The library says: {error}</p>}
      {value !== null && shown !== undefined && (
        <>
          <Histogram
            label={`Layer ${place.layer + 1} normalised with ${statistics} statistics: mean ${formatValue(shown.mean)}, spread ${formatValue(shown.deviation)}`}
            tone={place.network === 0 ? "a" : "b"}
            bars={shown}
            line={null}
          />
          <dl class="facts">
            <div>
              <dt>mean of the output</dt>
              <dd>{shown.mean.toFixed(2).replace("-", "−")}</dd>
            </div>
            <div>
              <dt>spread</dt>
              <dd>{shown.deviation.toFixed(2)}</dd>
            </div>
            <div>
              <dt>largest difference between the two ways</dt>
              <dd>{value.difference.toFixed(2)}</dd>
            </div>
            <div>
              <dt>new samples told right with batch statistics</dt>
              <dd>{percent(value.accuracy.batch)}</dd>
            </div>
            <div>
              <dt>with running statistics</dt>
              <dd>{percent(value.accuracy.running)}</dd>
            </div>
          </dl>
        </>
      )}
    </article>
  );
}

import type { Distribution } from "evenkeel";
import type { NetworkSnapshot } from "../../training/snapshot.js";
import { formatHundredths, formatPercent } from "../../ui/format-value.js";
import { Histogram, shareOutside } from "../../ui/histogram.js";

/** One hidden layer of both networks: what goes into its activation, and what came out of the weights. */
export function LayerRow({
  layer,
  networks,
  normalised,
}: {
  /** From 0. */
  readonly layer: number;
  readonly networks: readonly NetworkSnapshot[];
  /** Whether each network has a norm. */
  readonly normalised: readonly boolean[];
}) {
  return (
    <div class="layer-row">
      <h3>Layer {layer + 1}</h3>
      {networks.map(({ layers }, k) => {
        const seen = layers.at(layer);
        const name = "AB"[k];
        if (seen === undefined)
          return (
            <p key={name} class="layer-none">
              –
            </p>
          );
        const { before, after, dead } = seen;
        const words = `mean ${formatHundredths(after.mean)}, σ ${formatHundredths(after.deviation)}`;
        return (
          <div key={name} class={`layer tone-${"ab"[k]}`}>
            <Histogram
              label={`Layer ${layer + 1} of ${name}, into the activation: ${words}`}
              tone={"ab"[k]}
              bars={after}
              line={normalised[k] ? before : null}
            />
            <p class="layer-words">
              <span class="badge">{name}</span> {words}
              {outside(after)}
              {dead > 0 && <em> · {formatPercent(dead)} of units dead</em>}
            </p>
          </div>
        );
      })}
    </div>
  );
}

function outside(distribution: Distribution): string {
  const share = shareOutside(distribution);
  return share >= 0.005 ? `, ${formatPercent(share)} beyond the edges` : "";
}

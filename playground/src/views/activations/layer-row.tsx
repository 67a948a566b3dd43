import type { Distribution } from "../../training/observe-layers.js";
import type { NetworkSnapshot } from "../../training/snapshot.js";
import { Histogram } from "../../ui/histogram.js";

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
        const words = `mean ${short(after.mean)}, spread ${short(after.deviation)}`;
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
              {dead > 0 && <em> · {percent(dead)} of units dead</em>}
            </p>
          </div>
        );
      })}
    </div>
  );
}

function outside({ below, above }: Distribution): string {
  return below + above >= 0.005 ? `, ${percent(below + above)} beyond the edges` : "";
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function short(value: number): string {
  return Math.abs(value) < 0.005 ? "0" : value.toFixed(2).replace("-", "−");
}

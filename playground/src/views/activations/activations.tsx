import type { Run } from "../../run.js";
import { networksOf } from "../../settings.js";
import type { Part } from "../part.js";
import { LayerCurves } from "./layer-curves.js";
import { LayerRow } from "./layer-row.js";

/** Part 2: what goes on inside the layers. */
export const activations: Part = {
  id: "activations",
  title: "Inside the layers",
  text: (
    <>
      <p>
        Each bar chart counts the numbers that go into a layer’s activation, for the samples of one batch. The pale bell
        behind is what normalisation aims at: mean 0, spread 1, with edges at −4 and 4. Where a norm stands in between,
        the dark outline shows the numbers as they come out of the weights, before it.
      </p>
      <p>
        With the first settings, look at A: the deeper the layer, the narrower the bars. In the last one every sample
        gives almost the same number, so nothing is left to tell them apart by. A unit is called <b>dead</b> if its
        output differs by less than 0.001 over the whole batch.
      </p>
    </>
  ),
  formula: <>mean = Σ x / m{"\u2003"}spread = √(Σ (x − mean)² / m)</>,
  source: (
    <>
      The percentile curves are those of figure 1 in Ioffe &amp; Szegedy 2015,{" "}
      <a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>: 15, 50 and 85 % of the values that go into one
      unit lie below them.
    </>
  ),
  View: ({ run }) => {
    const { experiment, view } = run.settings.value;
    const settings = networksOf(experiment);
    const depth = Math.max(...settings.map(({ depth }) => depth));
    const layer = Math.min(view.layer, depth) - 1;
    const networks = run.snapshot.value?.networks ?? [];
    const normalised = settings.map(({ norm }) => norm !== "none");
    if (networks.every(({ layers }) => layers.length === 0)) {
      return (
        <p class="note">
          Press <b>Train</b> or <b>Step</b>: the first step fills this part.
        </p>
      );
    }
    return (
      <>
        {Array.from({ length: depth }, (_, k) => (
          <LayerRow key={k} layer={k} networks={networks} normalised={normalised} />
        ))}
        <LayerPicker run={run} depth={depth} chosen={layer} />
        <LayerCurves layer={layer} networks={networks} normalised={normalised} />
      </>
    );
  },
};

/** Which layer's curves are shown. */
function LayerPicker({ run, depth, chosen }: { readonly run: Run; readonly depth: number; readonly chosen: number }) {
  return (
    <fieldset class="layer-picker">
      <legend>Over the course of training: layer</legend>
      <div class="choices">
        {Array.from({ length: depth }, (_, k) => (
          <label key={k} class="choice">
            <input type="radio" name="layer" checked={k === chosen} onChange={() => run.show({ layer: k + 1 })} />
            <span>{k + 1}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

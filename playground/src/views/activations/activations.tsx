import { networksOf } from "../../networks-of.js";
import { Choices } from "../../ui/choices.js";
import { FirstStep } from "../first-step.js";
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
        behind is what normalisation aims at: mean 0, standard deviation 1. If the layer has a norm, the dark outline
        shows the numbers before it. B’s bars start on the bell; then its norms learn to scale them (γ) and to shift
        them (β) as the next layer needs.
      </p>
      <p>
        With the first settings, look at A: the deeper the layer, the narrower the bars. In the last one every sample
        gives almost the same number, so nothing distinguishes them. A unit is called <b>dead</b> if its output differs
        by less than 0.001 over the whole batch.
      </p>
    </>
  ),
  formula: <>mean = Σ x / m{"\u2003"}σ = √(Σ (x − mean)² / m)</>,
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
      return <FirstStep run={run} networks={[0, 1]} />;
    }
    return (
      <>
        {Array.from({ length: depth }, (_, k) => (
          <LayerRow key={k} layer={k} networks={networks} normalised={normalised} />
        ))}
        <Choices
          label="Over the course of training: layer"
          name="layer"
          options={Array.from({ length: depth }, (_, k) => [String(k + 1), String(k + 1)] as const)}
          value={String(layer + 1)}
          onChange={(chosen) => run.show({ layer: Number(chosen) })}
        />
        <LayerCurves layer={layer} networks={networks} normalised={normalised} />
      </>
    );
  },
};

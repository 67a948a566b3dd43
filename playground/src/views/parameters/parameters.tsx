import type { Run } from "../../run.js";
import type { Place } from "../../training/train-and-test.js";
import { Chart } from "../../ui/chart.js";
import { formatHundredths } from "../../ui/format-value.js";
import { useAnswer } from "../../ui/use-answer.js";
import type { Part } from "../part.js";
import { learningOf } from "../place.js";
import { PlaceFrame } from "../place-frame.js";

/** What γ and β become in training. */
export const parameters: Part = {
  id: "parameters",
  title: "γ and β learn",
  text: (
    <p>
      If a norm only gave each unit mean 0 and standard deviation 1, the network could compute less than without it. So
      each unit has two parameters: γ, the standard deviation of its output, and β, its mean. They begin at 1 and 0 and
      are learned. If γ and β were the standard deviation and mean of the input, the layer would change nothing.
    </p>
  ),
  formula: <>∂L/∂γ = Σ ∂L/∂y · x̂{"\u2003"}∂L/∂β = Σ ∂L/∂y</>,
  source: (
    <>
      Ioffe &amp; Szegedy 2015, <a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>, §3.
    </>
  ),
  View: Parameters,
};

function Parameters({ run }: { readonly run: Run }) {
  return (
    <PlaceFrame
      run={run}
      part="parameters"
      networks={learningOf(run)}
      missing="Neither network has a norm. Choose one in the settings above."
    >
      {(place, visible) => <Learned run={run} place={place} visible={visible} />}
    </PlaceFrame>
  );
}

function Learned({ run, place, visible }: { readonly run: Run; readonly place: Place; readonly visible: boolean }) {
  const { value } = useAnswer(run, "parameters", place, visible);
  if (value === null) return null;
  const { columns, gamma, beta } = value;
  const lines = (name: "gamma" | "beta") => [
    { name: "largest", tone: "faint", x: columns.step, y: columns[`${name}High`] },
    { name: "mean", tone: "ab"[place.network], x: columns.step, y: columns[name] },
    { name: "least", tone: "faint", x: columns.step, y: columns[`${name}Low`] },
  ];
  return (
    <>
      <div class="figures">
        <Chart title={`γ over the ${gamma.length} units of layer ${place.layer + 1}`} y="γ" series={lines("gamma")} />
        {beta !== null && (
          <Chart title={`β over the ${beta.length} units of layer ${place.layer + 1}`} y="β" series={lines("beta")} />
        )}
      </div>
      <p class="value">
        γ now: {Array.from(gamma, formatHundredths).join(", ")}
        {beta !== null && (
          <>
            <br />β now: {Array.from(beta, formatHundredths).join(", ")}
          </>
        )}
      </p>
    </>
  );
}

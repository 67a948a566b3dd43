import type { Run } from "../../run.js";
import type { Superposition } from "../../training/linearity.js";
import type { Place } from "../../training/train-and-test.js";
import { Drawing } from "../../ui/drawing.js";
import { formatHundredths } from "../../ui/format-value.js";
import { colour } from "../../ui/theme.js";
import { useAnswer } from "../../ui/use-answer.js";
import type { Part } from "../part.js";
import { rememberingOf } from "../place.js";
import { PlaceFrame } from "../place-frame.js";
import "./linear.css";

/** That a batch norm is an affine map at inference, and not in training. */
export const linear: Part = {
  id: "linear",
  title: "Linear at inference, not in training",
  text: (
    <>
      <p>
        An affine map, y = a · x + b, sends the mean of two inputs to the mean of their outputs. At inference batch norm
        is one: running statistics are constants, so all points lie on the diagonal, and the layer can be folded into
        its neighbour. In training the mean and standard deviation depend on the batch, and the points leave the
        diagonal.
      </p>
      <p>Each point is a sample: X and Y are two batches of 32, and f is the norm of the chosen layer as it stands.</p>
    </>
  ),
  formula: <>f((X + Y) / 2) = (f(X) + f(Y)) / 2 ?</>,
  source: (
    <>
      Ioffe &amp; Szegedy 2015, <a href="https://arxiv.org/abs/1502.03167">arXiv:1502.03167</a>, §3.1: at inference “the
      normalization is simply a linear transform applied to each activation”.
    </>
  ),
  View: Linear,
};

function Linear({ run }: { readonly run: Run }) {
  return (
    <PlaceFrame
      run={run}
      part="linear"
      networks={rememberingOf(run)}
      missing="Neither network has batch norm. Choose it in the settings above."
    >
      {(place, visible) => <Comparison run={run} place={place} visible={visible} />}
    </PlaceFrame>
  );
}

function Comparison({ run, place, visible }: { readonly run: Run; readonly place: Place; readonly visible: boolean }) {
  const { seed } = run.settings.value.experiment;
  const { value, error } = useAnswer(run, "superposition", { ...place, seed }, visible);
  if (error !== null) return <p class="note bad">The library says: {error}</p>;
  if (value === null) return null;
  return (
    <div class="superpositions">
      <Scatter title="In training: batch statistics" tone="gradient" points={value.training} />
      <Scatter title="At inference: running statistics" tone="hat" points={value.inference} />
    </div>
  );
}

/** Pixels of a drawing along each side, and its margin. */
const [side, margin] = [420, 24];

function Scatter({
  title,
  tone,
  points,
}: {
  readonly title: string;
  readonly tone: string;
  readonly points: Superposition;
}) {
  const { ofMean, meanOf, difference } = points;
  const isLinear = difference < 1e-4;
  return (
    <figure>
      <figcaption>
        <b>{title}</b>
      </figcaption>
      <Drawing
        label={`${title}: the largest distance from the diagonal is ${formatHundredths(difference)}`}
        look="superposition"
        size={[side, side]}
        shown={[points]}
        draw={(context) => draw(context, meanOf, ofMean, `tone-${tone}`)}
      />
      <p class="axes">across: (f(X) + f(Y)) / 2, upwards: f((X + Y) / 2)</p>
      <p>
        {isLinear ? (
          <>All points lie on the diagonal: the layer is affine.</>
        ) : (
          <>
            The farthest point is <b>{formatHundredths(difference)}</b> off the diagonal: the layer is not affine.
          </>
        )}
      </p>
    </figure>
  );
}

function draw(context: CanvasRenderingContext2D, across: Float32Array, upwards: Float32Array, tone: string): void {
  const values = [...across, ...upwards].filter(Number.isFinite);
  const [low, high] = [Math.min(-1, ...values), Math.max(1, ...values)];
  const at = (value: number): number => margin + ((value - low) / (high - low)) * (side - 2 * margin);
  context.clearRect(0, 0, side, side);
  context.strokeStyle = colour("quiet");
  context.setLineDash([6, 6]);
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(at(low), side - at(low));
  context.lineTo(at(high), side - at(high));
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = colour(tone);
  across.forEach((value, k) => {
    context.beginPath();
    context.arc(at(value), side - at(upwards[k]), 6, 0, 2 * Math.PI);
    context.fill();
  });
}

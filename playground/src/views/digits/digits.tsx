import { useMemo, useRef, useState } from "preact/hooks";
import type { Run } from "../../run.js";
import { brightnessOf, digitSide, standardized } from "../../training/digits.js";
import { digitOf, inkOf, inkSide } from "../../training/ink.js";
import { useAnswer } from "../../ui/use-answer.js";
import { useVisible } from "../../ui/use-visible.js";
import type { Part } from "../part.js";
import { ClassBars } from "./class-bars.js";
import { DigitImage } from "./digit-image.js";
import { DrawingPad } from "./drawing-pad.js";
import "./digits.css";

/** Digits, and a pad to test by hand what the two networks have learned of them. */
export const digits: Part = {
  id: "digits",
  title: "Draw a digit yourself",
  text: (
    <p>
      Points in the plane are easy. Handwritten digits are harder: 2,000 of them, of 28×28 pixels. Train both networks
      on them, then draw a digit and see what each predicts. Your drawing is prepared as the digits of MNIST were:
      scaled to 20 pixels, its centre of mass in the middle.
    </p>
  ),
  formula: (
    <>
      p<sub>k</sub> = exp z<sub>k</sub> / (exp z<sub>0</sub> + … + exp z<sub>9</sub>)
    </>
  ),
  source: (
    <>
      A network returns ten numbers z, and softmax makes them probabilities. The digits are the first 200 training and
      50 test images of each digit of MNIST (LeCun, Cortes &amp; Burges), in 16 greys.
    </>
  ),
  View: Digits,
};

const pixels = digitSide ** 2;

function Digits({ run }: { readonly run: Run }) {
  const isTrained = run.settings.value.experiment.data === "digits";
  return isTrained ? (
    <Test run={run} />
  ) : (
    <p class="note">
      The networks are training on points.{" "}
      <button
        type="button"
        onClick={() => {
          run.change({ data: "digits" });
          run.start();
        }}
      >
        Train them on digits
      </button>{" "}
      (loads 0.25 MB)
    </p>
  );
}

function Test({ run }: { readonly run: Run }) {
  const frame = useRef<HTMLDivElement>(null);
  const visible = useVisible(frame);
  const [ink, setInk] = useState(new Float32Array(inkSide ** 2));
  const [shown, setShown] = useState(0);
  const digit = useMemo(() => digitOf(ink), [ink]);
  const input = useMemo(() => standardized(digit ?? new Float32Array(pixels)), [digit]);
  const data = run.data.value;
  const hasDigits = data?.classes === 10;
  const { value, error } = useAnswer(run, "classify", input, visible && digit !== null && hasDigits, 60);
  const steps = Math.max(0, ...(run.snapshot.value?.networks ?? []).map((network) => network.steps));
  const showNext = (): void => {
    if (!hasDigits) return;
    const image = brightnessOf(data.test.inputs.subarray(pixels * shown, pixels * (shown + 1)));
    setInk(inkOf(image.map((value) => Math.max(0, value))));
    setShown((shown + 1) % data.test.labels.length);
  };
  return (
    <div ref={frame} class="digits">
      <div>
        <DrawingPad ink={ink} onDraw={setInk} />
        <div class="pad-buttons">
          <button type="button" onClick={() => setInk(new Float32Array(inkSide ** 2))}>
            Clear
          </button>
          <button type="button" onClick={showNext}>
            Show a test digit
          </button>
        </div>
      </div>
      <div>
        <h3>What the networks see</h3>
        <DigitImage digit={digit} label={digit === null ? "Nothing drawn yet" : "The drawing, 28 by 28 pixels"} />
      </div>
      <div>
        <h3>What they say</h3>
        {steps === 0 && <p class="note">They are not trained yet: press Train.</p>}
        {error !== null && <p class="note bad">The library says: {error}</p>}
        <ClassBars networks={digit === null || value === null ? [null, null] : value} />
      </div>
    </div>
  );
}

import { useRef } from "preact/hooks";
import type { Run } from "../../run.js";
import { brightnessOf, digitSide } from "../../training/digits.js";
import { Drawing } from "../../ui/drawing.js";
import { colour } from "../../ui/theme.js";
import { useAnswer } from "../../ui/use-answer.js";
import { useVisible } from "../../ui/use-visible.js";

const [columns, rows] = [8, 6];
const count = columns * rows;
/** Pixels of the drawing for each digit along each side. */
const cell = 60;

/** Digits that a network never trained on, each with what it takes it for; mistakes are framed and crossed. */
export function DigitSheet({ run, which }: { readonly run: Run; readonly which: 0 | 1 }) {
  const frame = useRef<HTMLDivElement>(null);
  const visible = useVisible(frame);
  const data = run.data.value;
  const { value } = useAnswer(run, "guesses", { network: which, count }, visible);
  const labels = data?.classes === 10 ? data.test.labels.subarray(0, count) : null;
  const right = labels === null ? 0 : (value?.filter((guess, k) => guess === labels[k]).length ?? 0);
  const draw = (context: CanvasRenderingContext2D): void => {
    if (data === null || labels === null) return;
    context.clearRect(0, 0, columns * cell, rows * cell);
    labels.forEach((label, k) => {
      drawDigit(context, k, data.test.inputs.subarray(digitSide ** 2 * k, digitSide ** 2 * (k + 1)));
      const guess = value?.[k];
      if (guess !== undefined) drawGuess(context, k, guess, guess === label);
    });
  };
  return (
    <div ref={frame}>
      <Drawing
        label={`${count} digits never trained on, of which network ${"AB"[which]} gets ${right} right`}
        look="decision"
        size={[columns * cell, rows * cell]}
        shown={[data, value]}
        draw={draw}
      />
      <p class="source">In the corner: what {"AB"[which]} takes it for, framed where it is wrong.</p>
    </div>
  );
}

function placeOf(k: number): [x: number, y: number] {
  return [(k % columns) * cell, Math.floor(k / columns) * cell];
}

function drawDigit(context: CanvasRenderingContext2D, k: number, input: Float32Array): void {
  const [x, y] = placeOf(k);
  const image = new ImageData(digitSide, digitSide);
  brightnessOf(input).forEach((value, at) => {
    image.data.fill(255 * value, 4 * at, 4 * at + 3);
    image.data[4 * at + 3] = 255;
  });
  const small = new OffscreenCanvas(digitSide, digitSide);
  small.getContext("2d")?.putImageData(image, 0, 0);
  context.drawImage(small, x + 2, y + 2, cell - 4, cell - 4);
}

function drawGuess(context: CanvasRenderingContext2D, k: number, guess: number, isRight: boolean): void {
  const [x, y] = placeOf(k);
  context.fillStyle = isRight ? colour("paper") : colour("bad");
  context.fillRect(x + 2, y + 2, 20, 22);
  context.fillStyle = isRight ? colour("ink") : colour("paper");
  context.font = "bold 18px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillText(String(guess), x + 12, y + 20);
  if (isRight) return;
  context.strokeStyle = colour("bad");
  context.lineWidth = 4;
  context.strokeRect(x + 4, y + 4, cell - 8, cell - 8);
}

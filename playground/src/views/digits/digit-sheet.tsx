import { useRef } from "preact/hooks";
import type { Run } from "../../run.js";
import { cell, columns, sheetCount as count, drawSheet, rows } from "../../ui/draw-sheet.js";
import { Drawing } from "../../ui/drawing.js";
import { useAnswer } from "../../ui/use-answer.js";
import { useVisible } from "../../ui/use-visible.js";

/** Digits that a network never trained on, each with its prediction; mistakes are framed. */
export function DigitSheet({ run, which }: { readonly run: Run; readonly which: 0 | 1 }) {
  const frame = useRef<HTMLDivElement>(null);
  const visible = useVisible(frame);
  const data = run.data.value;
  const { value } = useAnswer(run, "guesses", { network: which, count }, visible);
  const labels = data?.classes === 10 ? data.test.labels.subarray(0, count) : null;
  const right = labels === null ? 0 : (value?.filter((guess, k) => guess === labels[k]).length ?? 0);
  const draw = (context: CanvasRenderingContext2D): void => {
    if (data !== null && labels !== null) drawSheet(context, data.test, value);
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
      <p class="source">In the corner: the prediction of {"AB"[which]}; the frame marks mistakes.</p>
    </div>
  );
}

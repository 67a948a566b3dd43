import { networksOf } from "../../networks-of.js";
import type { Run } from "../../run.js";
import type { NetworkSnapshot } from "../../training/snapshot.js";
import { drawPlane } from "../../ui/draw-plane.js";
import { cell, columns, drawSheet, sheetCount } from "../../ui/draw-sheet.js";
import { formatPercent } from "../../ui/format-value.js";
import { colour } from "../../ui/theme.js";
import { activationWords, dataWords, normWords, samplesWord } from "../../words.js";

/** Pixels: the size that pages which show links expect. */
const [width, height] = [1200, 630];
const plane = 340;

/** The state of a run as one picture: both planes or sheets of digits, both curves of accuracy, and both networks. */
export async function drawPicture(run: Run): Promise<Blob | null> {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  if (context === null) return null;
  const { experiment } = run.settings.value;
  const networks = run.snapshot.value?.networks ?? [];
  const data = run.data.value;
  const guesses =
    data === null || data.shape.length === 1
      ? []
      : await Promise.all(([0, 1] as const).map((network) => run.ask("guesses", { network, count: sheetCount })));
  context.fillStyle = colour("paper");
  context.fillRect(0, 0, width, height);
  write(context, "Evenkeel playground", 40, 62, { size: 34, weight: 700 });
  const steps = Math.max(0, ...networks.map(({ steps }) => steps));
  const what = `${dataWords[experiment.data]}, seed ${experiment.seed}, ${steps.toLocaleString("en")} steps`;
  write(context, what, 40, 98, { size: 20, tone: "quiet" });
  networksOf(experiment).forEach(({ norm, activation, depth }, k) => {
    const left = 40 + k * (plane + 30);
    const title = `${"AB"[k]}: ${norm === "none" ? "no normalisation" : normWords[norm]}`;
    write(context, title, left, 150, { size: 24, weight: 700, tone: "ab"[k] });
    write(context, `${depth} layers, ${activationWords[activation]}`, left, 178, { size: 17, tone: "quiet" });
    context.save();
    context.translate(left, 196);
    if (data !== null && data.shape.length === 1) {
      drawPlane(context, plane, networks[k]?.decision ?? null, data.train);
    } else if (data !== null) {
      context.scale(plane / (columns * cell), plane / (columns * cell));
      drawSheet(context, data.test, guesses[k] ?? null);
    }
    context.restore();
    const accuracy = networks[k]?.curves.testAccuracy.at(-1);
    const right =
      accuracy === undefined ? "–" : `${formatPercent(accuracy)} of new ${samplesWord(experiment.data)} right`;
    write(context, right, left, 576, { size: 22, weight: 600, tone: "ab"[k] });
  });
  write(context, `Accuracy on new ${samplesWord(experiment.data)}`, 800, 150, { size: 20, weight: 600 });
  context.save();
  context.translate(800, 196);
  drawAccuracy(context, networks, 360, plane);
  context.restore();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function write(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  { size, weight = 400, tone = "ink" }: { readonly size: number; readonly weight?: number; readonly tone?: string },
): void {
  context.font = `${weight} ${size}px system-ui, sans-serif`;
  context.fillStyle = colour(tone);
  context.fillText(text, x, y);
}

/** Accuracy of both from 0 to 1 over the steps. */
function drawAccuracy(
  context: CanvasRenderingContext2D,
  networks: readonly NetworkSnapshot[],
  across: number,
  down: number,
): void {
  const last = Math.max(1, ...networks.map(({ curves }) => curves.step.at(-1) ?? 0));
  for (const share of [0, 0.5, 1]) {
    context.fillStyle = colour("line");
    context.fillRect(0, down * (1 - share), across, 1);
    write(context, formatPercent(share), 0, down * (1 - share) - 6, { size: 15, tone: "quiet" });
  }
  networks.forEach(({ curves }, k) => {
    context.beginPath();
    curves.step.forEach((step, at) => {
      context.lineTo((step / last) * across, down * (1 - curves.testAccuracy[at]));
    });
    context.strokeStyle = colour("ab"[k]);
    context.lineWidth = 3;
    context.stroke();
  });
}

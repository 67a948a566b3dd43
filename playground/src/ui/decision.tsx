import { useEffect, useRef } from "preact/hooks";
import type { Samples } from "../training/data-sets.js";
import { drawPlane } from "./draw-plane.js";
import { themeChanges } from "./theme.js";
import { useVisible } from "./use-visible.js";

/** Pixels of the drawing along each side. */
const side = 480;

/** The plane, tinted by what a network says of each place, with the samples on it. */
export function Decision({
  label,
  decision,
  samples,
}: {
  /** What there is to see, for those who cannot. */
  readonly label: string;
  /** See {@link NetworkSnapshot.decision}. */
  readonly decision: Float32Array | null;
  readonly samples: Samples;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const visible = useVisible(canvas);
  const theme = themeChanges.value;
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (visible && context) drawPlane(context, side, decision, samples);
  }, [visible, decision, samples, theme]);
  return <canvas ref={canvas} class="decision" width={side} height={side} role="img" aria-label={label} />;
}

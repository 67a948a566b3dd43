import { useEffect, useRef } from "preact/hooks";
import { themeChanges } from "./theme.js";
import { useVisible } from "./use-visible.js";

interface DrawingProps {
  /** What there is to see, for those who cannot. */
  readonly label: string;
  /** Its class in the style sheet. */
  readonly look: string;
  /** Pixels of the drawing. */
  readonly size: readonly [width: number, height: number];
  /** What it shows: it is drawn again when one of these changes, or the theme does. */
  readonly shown: readonly unknown[];
  readonly draw: (context: CanvasRenderingContext2D) => void;
}

/** Something drawn, while it is on the screen or nearly. */
export function Drawing({ label, look, size: [width, height], shown, draw }: DrawingProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const visible = useVisible(canvas);
  const theme = themeChanges.value;
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (visible && context) draw(context);
  }, [visible, theme, ...shown]);
  return <canvas ref={canvas} class={look} width={width} height={height} role="img" aria-label={label} />;
}

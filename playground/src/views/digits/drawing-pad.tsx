import { useEffect, useRef, useState } from "preact/hooks";
import { drawStroke, inkSide, type Point } from "../../training/ink.js";

/** How far an arrow key moves the pen, in points. */
const stride = 5;
const directions: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -stride, y: 0 },
  ArrowRight: { x: stride, y: 0 },
  ArrowUp: { x: 0, y: -stride },
  ArrowDown: { x: 0, y: stride },
};

/** A pad to draw on with mouse, finger or pen, or with the arrow keys. */
export function DrawingPad({
  ink,
  onDraw,
}: {
  readonly ink: Float32Array;
  readonly onDraw: (ink: Float32Array<ArrayBuffer>) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  /** Where the pen is while a pointer draws. */
  const held = useRef<Point | null>(null);
  const [pen, setPen] = useState<{ readonly at: Point; readonly down: boolean } | null>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context) draw(context, ink);
  }, [ink]);

  const strokes = (points: readonly Point[]): void => {
    const next = new Float32Array(ink);
    points.slice(1).forEach((point, k) => {
      drawStroke(next, points[k], point);
    });
    onDraw(next);
  };
  const pointOf = (event: { readonly clientX: number; readonly clientY: number }): Point => {
    const box = canvas.current?.getBoundingClientRect() ?? new DOMRect(0, 0, 1, 1);
    const at = (place: number, extent: number): number => (inkSide * place) / extent;
    return { x: at(event.clientX - box.left, box.width), y: at(event.clientY - box.top, box.height) };
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const { at, down } = pen ?? { at: { x: inkSide / 2, y: inkSide / 4 }, down: false };
    const direction = directions[event.key];
    if (direction !== undefined) {
      const within = (place: number): number => Math.max(0, Math.min(inkSide, place));
      const next = { x: within(at.x + direction.x), y: within(at.y + direction.y) };
      if (down) strokes([at, next]);
      setPen({ at: next, down });
    } else if (event.key === " ") {
      if (!down) strokes([at, at]);
      setPen({ at, down: !down });
    } else if (event.key === "Delete" || event.key === "Backspace") {
      onDraw(new Float32Array(inkSide ** 2));
      setPen({ at, down: false });
    } else return;
    event.preventDefault();
  };

  return (
    <>
      <div
        class="pad"
        role="application"
        aria-label="Drawing pad"
        aria-describedby="pad-keys"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is drawn on with the arrow keys
        tabIndex={0}
        onKeyDown={onKeyDown}
        onFocus={() => setPen(pen ?? { at: { x: inkSide / 2, y: inkSide / 4 }, down: false })}
        onBlur={() => setPen(null)}
      >
        <canvas
          ref={canvas}
          width={inkSide}
          height={inkSide}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            held.current = pointOf(event);
            strokes([held.current, held.current]);
          }}
          onPointerMove={(event) => {
            if (held.current === null) return;
            const points = [held.current, ...(event.getCoalescedEvents?.() ?? []).map(pointOf), pointOf(event)];
            held.current = points[points.length - 1];
            strokes(points);
          }}
          onPointerUp={() => {
            held.current = null;
          }}
          onPointerCancel={() => {
            held.current = null;
          }}
        />
        {pen !== null && (
          <span
            class={pen.down ? "pen down" : "pen"}
            style={{ left: `${(100 * pen.at.x) / inkSide}%`, top: `${(100 * pen.at.y) / inkSide}%` }}
          />
        )}
      </div>
      <p id="pad-keys" class="source">
        Draw here. By keyboard: arrow keys move the pen, Space puts it down and lifts it, Delete clears.
      </p>
    </>
  );
}

function draw(context: CanvasRenderingContext2D, ink: Float32Array): void {
  const image = new ImageData(inkSide, inkSide);
  ink.forEach((value, at) => {
    image.data.fill(255 * value, 4 * at, 4 * at + 3);
    image.data[4 * at + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}

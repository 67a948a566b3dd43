import { useEffect, useRef } from "preact/hooks";
import { digitSide } from "../../training/digits.js";

/** What a network is given, pixel by pixel. */
export function DigitImage({ digit, label }: { readonly digit: Float32Array | null; readonly label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const image = new ImageData(digitSide, digitSide);
    for (let at = 0; at < digitSide ** 2; at++) image.data.fill(255 * (digit?.[at] ?? 0), 4 * at, 4 * at + 3);
    for (let at = 3; at < image.data.length; at += 4) image.data[at] = 255;
    canvas.current?.getContext("2d")?.putImageData(image, 0, 0);
  }, [digit]);
  return <canvas ref={canvas} class="digit-image" width={digitSide} height={digitSide} role="img" aria-label={label} />;
}

import { Presets, SingleBar } from "cli-progress";

/** Where there is no terminal, a plain line comes this often. */
export const plainEverySeconds = 10;

/**
 * A progress bar, which vanishes when it is done; null where there is no terminal.
 *
 * @param format - as cli-progress takes it
 */
export function openBar(out: NodeJS.WriteStream, format: string): SingleBar | null {
  if (!out.isTTY) return null;
  return new SingleBar(
    { format, stream: out, hideCursor: true, clearOnComplete: true, barsize: 24 },
    Presets.shades_classic,
  );
}

import type { Channels } from "./channels.js";
import { type Flow, type Reader, titleOf } from "./flow.js";

/** Which cells go, and what holds constant channels back. */
export interface Choice {
  readonly isGone: (cell: number) => boolean;
  /** Why, by the cell that stands for a set. */
  readonly blocked: ReadonlyMap<number, string>;
}

/**
 * The largest set of channels that can go together: whoever reads one takes its constant into a bias, or has no weight
 * for it, as far as its own outputs stay. Each layer keeps at least one.
 */
export function chooseCells({ cells, readers, perChannel }: Flow): Choice {
  const gone = new Set<number>();
  const all: readonly Channels[] = [...readers.map(({ output }) => output), ...perChannel.values()];
  for (const { cells: own } of [...all, ...readers.flatMap(({ input }) => input ?? [])]) {
    for (const cell of own) if (cells.reasonOf(cell) === undefined) gone.add(cells.rootOf(cell));
  }
  const isGone = (cell: number): boolean => gone.has(cells.rootOf(cell));
  const blocked = new Map<number, string>();
  const sides = readers.map((reader) => ({ reader, needs: needed(reader) }));
  for (let isSettled = false; !isSettled; ) {
    isSettled = true;
    for (const { reader, needs } of sides) {
      const { input, output } = reader;
      for (const [k, cell] of (input?.cells ?? []).entries()) {
        if (!isGone(cell) || needs[k] === null) continue;
        if (!needs[k].some((y) => !isGone(output.cells[y]))) continue;
        gone.delete(cells.rootOf(cell));
        const varies = Number.isNaN(input?.constants[k]);
        const title = titleOf(reader.node);
        blocked.set(
          cells.rootOf(cell),
          varies ? `${title} reads it joined to what varies` : `${title} pads zeros around it`,
        );
        isSettled = false;
      }
    }
    if (!isSettled) continue;
    const empty = all.find(({ cells: own }) => own.every(isGone));
    if (empty === undefined) continue;
    gone.delete(cells.rootOf(empty.cells[0]));
    blocked.set(cells.rootOf(empty.cells[0]), "a layer keeps one channel");
    isSettled = false;
  }
  return { isGone, blocked };
}

/** The outputs that each input is needed for; null where its constant can become part of the bias. */
function needed({ layer, input, output, hasEdge }: Reader): (readonly number[] | null)[] {
  if (input === null) return [];
  const { weight, outputOf, inputOf } = layer.affineWeights();
  const found = input.cells.map(() => new Set<number>());
  for (let k = 0; k < weight.length; k++) if (weight[k] !== 0) found[inputOf(k)].add(outputOf(k));
  // The only input of a depthwise output goes with it.
  const isDepthwise = layer.groups > 1;
  return found.map((outputs, c) => {
    const constant = input.constants[c];
    const isAbsorbed = constant === 0 || (!Number.isNaN(constant) && !hasEdge);
    if (isAbsorbed && !isDepthwise) return null;
    return isDepthwise ? null : [...outputs].filter((y) => y < output.cells.length);
  });
}

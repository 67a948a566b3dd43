import type { Contest, Entrant } from "./contest.js";
import { gridReach, gridSide } from "./grid.js";
import type { Columns } from "./history.js";
import type { LayerView } from "./observe-layers.js";
import { type CurveName, type LayerCurveName, Trainer } from "./trainer.js";

/** How a network stands. */
export interface NetworkSnapshot {
  readonly steps: number;
  /** The library's own words, if it refused to go on. */
  readonly error: string | null;
  /** The library's own words, if it warned. */
  readonly warning: string | null;
  readonly curves: Columns<CurveName>;
  /** The hidden layers, from the input on, and their curves. */
  readonly layers: readonly LayerView[];
  readonly layerCurves: readonly Columns<LayerCurveName>[];
  /**
   * The probability of class 1 over the grid, row by row from the top; null where inputs are not points, or the network
   * has failed.
   */
  readonly decision: Float32Array | null;
}

/** How both stand. */
export interface Snapshot {
  readonly networks: readonly [a: NetworkSnapshot, b: NetworkSnapshot];
  /** Whether they are training. */
  readonly running: boolean;
}

/** Takes one, and names the memory that may be handed over with it. */
export function takeSnapshot(contest: Contest, running: boolean): { snapshot: Snapshot; transfer: ArrayBuffer[] } {
  const [a, b] = contest.entrants.map(viewOf);
  const transfer: ArrayBuffer[] = [];
  for (const { curves, layerCurves, decision } of [a, b]) {
    const columns = [curves, ...layerCurves].flatMap((one) => Object.values<Float32Array>(one));
    for (const { buffer } of decision === null ? columns : [...columns, decision]) transfer.push(buffer as ArrayBuffer);
  }
  return { snapshot: { networks: [a, b], running }, transfer };
}

function viewOf(entrant: Entrant): NetworkSnapshot {
  if (!(entrant instanceof Trainer)) return { ...nothing, error: entrant.error };
  const { steps, error, warning, curves, layers, layerCurves } = entrant;
  return {
    steps,
    error,
    warning,
    curves: curves.columns(),
    layers,
    layerCurves: layerCurves.map((one) => one.columns()),
    decision: decisionOf(entrant),
  };
}

const nothing: NetworkSnapshot = {
  steps: 0,
  error: null,
  warning: null,
  curves: {
    step: new Float32Array(),
    loss: new Float32Array(),
    testLoss: new Float32Array(),
    testAccuracy: new Float32Array(),
  },
  layers: [],
  layerCurves: [],
  decision: null,
};

const grid = Float32Array.from({ length: 2 * gridSide ** 2 }, (_, k) => {
  const cell = k >> 1;
  const at = (place: number): number => gridReach * ((2 * place + 1) / gridSide - 1);
  return k % 2 === 0 ? at(cell % gridSide) : -at(Math.floor(cell / gridSide));
});

function decisionOf(trainer: Trainer): Float32Array | null {
  if (trainer.error !== null || trainer.data.shape.length !== 1 || trainer.data.shape[0] !== 2) return null;
  try {
    const probabilities = trainer.predict(grid);
    return Float32Array.from({ length: gridSide ** 2 }, (_, cell) => probabilities[2 * cell + 1]);
  } catch {
    // The next step is refused as well, in words about the batch.
    return null;
  }
}

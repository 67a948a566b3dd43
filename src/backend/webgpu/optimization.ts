import type { Optimization, Update, Values } from "../optimization.js";
import { groupsFor } from "./elementwise.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { kernels } from "./shaders.generated.js";

/** Values that one workgroup works on. */
const entryValues = 1024;
/** Slices of slabs begin at multiples of so many values. */
const sliceValues = 64;
const largestFloat = 3.4e38;

/** Gradients side by side, and the table of which values belong to whom. */
interface Gradients {
  readonly slab: GpuBlock;
  readonly sources: readonly GpuBlock[];
  readonly versions: readonly number[];
}

interface Table {
  readonly block: GpuBlock;
  readonly entries: number;
}

/** Lists that each fit into one slab. */
function chunksOf<T extends { readonly length: number }>(list: readonly T[], valuesAtMost: number): T[][] {
  const chunks: T[][] = [];
  let room = 0;
  for (const item of list) {
    if (item.length === 0) continue;
    const values = Math.ceil(item.length / sliceValues) * sliceValues;
    if (values > room || chunks.length === 0) {
      chunks.push([]);
      room = valuesAtMost;
    }
    chunks[chunks.length - 1].push(item);
    room -= values;
  }
  return chunks;
}

/**
 * Steps of optimisers. What they change lies in slabs, one for parameters and one for each kind of state, into which it
 * is moved at the first step; gradients are copied side by side. So one kernel serves all parameters.
 */
export function optimization(gpu: Recorder): Optimization<GpuBlock> {
  /** The last ones: the norm of a step's gradients is asked for before the step. */
  let gradients: Gradients | null = null;
  const tables = new Map<string, Table>();
  const valuesAtMost = Math.min(gpu.memory.largest, 2 ** 31) / 4;

  const sizesOf = (list: readonly { readonly length: number }[]): number[] => list.map(({ length }) => 4 * length);

  function tableOf(list: readonly { readonly length: number; readonly weightDecay?: number }[]): Table {
    const key = list.map(({ length, weightDecay = 0 }) => `${length}:${weightDecay}`).join();
    const known = tables.get(key);
    if (known !== undefined) return known;
    const words: number[] = [];
    const bits = new DataView(new ArrayBuffer(4));
    let start = 0;
    for (const { length, weightDecay = 0 } of list) {
      bits.setFloat32(0, weightDecay);
      for (let at = 0; at < length; at += entryValues) {
        words.push(start + at, Math.min(entryValues, length - at), bits.getUint32(0), 0);
      }
      start += Math.ceil(length / sliceValues) * sliceValues;
    }
    const block = gpu.memory.take(4 * words.length);
    gpu.write(block, 0, Uint32Array.from(words).buffer, 0, 4 * words.length);
    const table = { block, entries: words.length / 4 };
    // More than a few mean that parameters come and go.
    if (tables.size >= 16) {
      for (const { block: old } of tables.values()) gpu.memory.give(old);
      tables.clear();
    }
    tables.set(key, table);
    return table;
  }

  /** The values of blocks side by side; copied once as long as nobody writes them. */
  function sideBySide(list: readonly Values<GpuBlock>[]): GpuBlock {
    const sources = list.map(({ block }) => block);
    const isSame =
      gradients !== null &&
      gradients.sources.length === sources.length &&
      sources.every((block, i) => gradients?.sources[i] === block && gradients.versions[i] === block.version);
    if (gradients !== null && isSame) return gradients.slab;
    const bytes = gpu.memory.slabBytes(sizesOf(list));
    let slab = gradients?.slab;
    if (slab === undefined || slab.bytes < bytes) {
      if (slab !== undefined) gpu.memory.give(slab);
      slab = gpu.memory.take(bytes);
    }
    let offset = 0;
    for (const { block, length } of list) {
      gpu.move(block, slab, offset, 4 * length);
      offset += Math.ceil(length / sliceValues) * sliceValues * 4;
    }
    gradients = { slab, sources, versions: sources.map(({ version }) => version) };
    return slab;
  }

  const gradientsOf = (updates: readonly Update<GpuBlock>[]): GpuBlock =>
    sideBySide(updates.map(({ gradient, length }) => ({ block: gradient, length })));

  return {
    sgdStep(updates, { lr, momentum, nesterov, first, gradientScale, gate }) {
      for (const withVelocity of [false, true]) {
        const list = updates.filter(({ velocity }) => (velocity !== null) === withVelocity);
        for (const chunk of chunksOf(list, valuesAtMost)) {
          const { block: table, entries } = tableOf(chunk);
          const sizes = sizesOf(chunk);
          const velocities = chunk.flatMap(({ velocity }) => (velocity === null ? [] : [velocity]));
          const blocks = {
            ...{ table, gate, gradients: gradientsOf(chunk) },
            parameters: gpu.gather(
              chunk.map(({ parameter }) => parameter),
              sizes,
            ),
            velocities: withVelocity ? gpu.gather(velocities, sizes) : null,
          };
          const constants = { NESTEROV: nesterov, FIRST: first };
          gpu.run(kernels.sgd, entries, blocks, { scale: gradientScale, lr, momentum }, constants);
        }
      }
    },

    adamStep(updates, step) {
      const { lr, beta1, beta2, eps, decoupled, correction1, correction2, gradientScale, gate } = step;
      const numbers = {
        ...{ scale: gradientScale, beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, eps, lr },
        ...{ stepSize: lr / correction1, inverse2: 1 / correction2 },
      };
      for (const chunk of chunksOf(updates, valuesAtMost)) {
        const { block: table, entries } = tableOf(chunk);
        const sizes = sizesOf(chunk);
        const slab = (of: (update: (typeof chunk)[number]) => GpuBlock) => gpu.gather(chunk.map(of), sizes);
        const blocks = {
          ...{ table, gate, gradients: gradientsOf(chunk) },
          parameters: slab(({ parameter }) => parameter),
          firsts: slab(({ first }) => first),
          seconds: slab(({ second }) => second),
        };
        gpu.run(kernels.adam, entries, blocks, numbers, { DECOUPLED: decoupled });
      }
    },

    sumSquares(xs, total) {
      const chunks = chunksOf(xs, valuesAtMost).map((chunk) => ({ chunk, table: tableOf(chunk) }));
      const count = chunks.reduce((sum, { table }) => sum + table.entries, 0);
      const plan = { LX: 1, LY: 256 };
      gpu.scratch(8 * Math.max(1, count), (all) => {
        let at = 0;
        for (const { chunk, table } of chunks) {
          // One list in one slab is the rule, and needs no copy of its parts.
          const blocks = { table: table.block, gradients: sideBySide(chunk) };
          if (chunks.length === 1) {
            gpu.run(kernels.squares, table.entries, { ...blocks, parts: all }, {}, plan);
          } else {
            gpu.scratch(8 * table.entries, (parts) => {
              gpu.run(kernels.squares, table.entries, { ...blocks, parts }, {}, plan);
              gpu.move(parts, all, 8 * at, 8 * table.entries);
            });
          }
          at += table.entries;
        }
        gpu.run(kernels.totalSquares, 1, { parts: all, whole: total }, { count }, plan);
      });
    },

    clipToNorm(xs, total, maxNorm) {
      for (const { block, length } of xs) {
        const numbers = { length, maxNorm: Math.min(maxNorm, largestFloat) };
        gpu.run(kernels.clip, groupsFor(length), { whole: total, x: block }, numbers, {});
      }
    },

    openGate(loss, squares, gate, { lr, clipNorm, largestStep, largestGradient }) {
      const finite = (value: number) => Math.min(value, largestFloat);
      const numbers = {
        ...{ lr, clipNorm: finite(clipNorm) },
        ...{ largestStep: finite(largestStep), largestGradient: finite(largestGradient) },
      };
      gpu.run(kernels.openGate, 1, { loss, squares, gate }, numbers, {});
    },
  };
}

import type { BinaryView, Elementwise } from "../backend.js";
import type { GpuBlock } from "./memory.js";
import type { Recorder } from "./recorder.js";
import { kernels } from "./shaders.generated.js";

const words = new DataView(new ArrayBuffer(4));

/** The bits of a number as f32. */
function bitsOf(value: number): number {
  words.setFloat32(0, value);
  return words.getUint32(0);
}

/** Workgroups of 256 lanes for so many units. */
export function groupsFor(units: number): number {
  return Math.ceil(units / 256);
}

/** The parameters of `walk` in walk.wgsl. */
export function walkOf(extents: readonly number[], r: readonly number[], s: readonly number[]) {
  const from = extents.length - 5;
  const extent = (loop: number) => extents[from + loop] ?? 1;
  const of = (strides: readonly number[], loop: number) => strides[from + loop] ?? 0;
  return {
    ...{ e1: extent(1), e2: extent(2), e3: extent(3), e4: extent(4) },
    ...{ r0: of(r, 0), r1: of(r, 1), r2: of(r, 2), r3: of(r, 3), r4: of(r, 4) },
    ...{ s0: of(s, 0), s1: of(s, 1), s2: of(s, 2), s3: of(s, 3), s4: of(s, 4) },
  };
}

function lengthOf(extents: readonly number[]): number {
  return extents.reduce((product, extent) => product * extent, 1);
}

/** Whether both inputs are read from the first value to the last. */
function isFlat({ extents, aStrides, bStrides }: BinaryView): boolean {
  return extents.length === 1 && aStrides[0] === 1 && bStrides[0] === 1;
}

/** Element by element. */
export function elementwise(gpu: Recorder): Elementwise<GpuBlock> {
  return {
    fill(y, length, value) {
      const quads = Math.ceil(length / 4);
      gpu.run(kernels.fill, groupsFor(quads), { y }, { quads, bits: bitsOf(value) }, {});
    },

    unary(op, x, y, length, parameter) {
      const quads = Math.ceil(length / 4);
      gpu.run(kernels.unary, groupsFor(quads), { x, y }, { quads, parameter }, { OP: `value_${op}` });
    },

    unaryGradient(op, dy, saved, dx, length, parameter) {
      const quads = Math.ceil(length / 4);
      const numbers = { quads, parameter };
      gpu.run(kernels.unaryGradient, groupsFor(quads), { dy, saved, dx }, numbers, { OP: `slope_${op}` });
    },

    binary(op, a, b, y, view) {
      const OP = `binary_${op}`;
      const length = lengthOf(view.extents);
      if (isFlat(view)) {
        const quads = Math.ceil(length / 4);
        gpu.run(kernels.binaryFlat, groupsFor(quads), { a, b, y }, { quads }, { OP });
      } else {
        const walk = walkOf(view.extents, view.aStrides, view.bStrides);
        gpu.run(kernels.binaryWalk, groupsFor(length), { a, b, y }, { length, ...walk }, { OP });
      }
    },

    binaryNumber(op, x, value, isFirst, y, length) {
      const quads = Math.ceil(length / 4);
      const constants = { OP: `binary_${op}`, FIRST: isFirst };
      gpu.run(kernels.binaryNumber, groupsFor(quads), { x, y }, { quads, number: value }, constants);
    },

    copy(x, y, { extents, xStrides, xOffset, yStrides, yOffset }) {
      const length = lengthOf(extents);
      const numbers = { length, xOffset, yOffset, ...walkOf(extents, xStrides, yStrides) };
      gpu.run(kernels.copyWalk, groupsFor(length), { x, y }, numbers, {});
    },

    dropout(x, y, length, p, seed) {
      const numbers = { length, seed, threshold: Math.floor(p * 2 ** 32), scale: 1 - p };
      gpu.run(kernels.dropout, groupsFor(length), { x, y }, numbers, {});
    },
  };
}

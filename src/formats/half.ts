/** The value of every half-precision number by its bits, once one was asked for. */
let halves: Float32Array | null = null;

/** The value of a half-precision number: 1 sign bit, 5 exponent bits, 10 fraction bits. */
export function halfToNumber(bits: number): number {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, k) => valueOfHalf(k));
  return halves[bits];
}

function valueOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** The half-precision number nearest to a value, ties to even; infinite beyond 65504. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | roundToEven(size * 2 ** 24);
  float[0] = size;
  // The exponent of float32 begins 112 below, and its fraction has 13 more bits; a fraction that rounds up to 1024
  // carries into the exponent.
  const upper = (floatBits[0] >>> 13) - (112 << 10);
  const rest = floatBits[0] & 0x1fff;
  // What float32 has rounded away decides a tie.
  const beyondHalf = rest === 0x1000 ? size - float[0] : rest - 0x1000;
  return sign | (beyondHalf > 0 || (beyondHalf === 0 && upper % 2 === 1) ? upper + 1 : upper);
}

/** The value of a bfloat16 number: the upper half of a float32. */
export function bfloatToNumber(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** The bfloat16 number nearest to a value, ties to even. */
export function numberToBfloat(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  word.setFloat32(0, value);
  const bits = word.getUint32(0);
  // What float32 has rounded away decides a tie.
  const rest = bits & 0xffff;
  const residue = Math.abs(value) - Math.abs(word.getFloat32(0));
  const upper = bits >>> 16;
  if (rest !== 0x8000 || residue === 0)
    return upper + (rest > 0x8000 || (rest === 0x8000 && (upper & 1) === 1) ? 1 : 0);
  return upper + (residue > 0 ? 1 : 0);
}

const word = new DataView(new ArrayBuffer(4));

function roundToEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}

/** The number of 8 bits with 4 of exponent and no infinity (E4M3FN, as the Open Compute Project has it). */
export function quarterToNumber(bits: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 3) & 15, bits & 7];
  if (exponent === 15 && fraction === 7) return Number.NaN;
  return sign * (exponent === 0 ? fraction / 512 : (1 + fraction / 8) * 2 ** (exponent - 7));
}

// The plan of a convolution, and the zero-padded planes its kernels read.
//
// A source channel (an input channel, or for the input's gradient an output channel) is copied into planes with zeros
// around the values, one plane per pair of remainders modulo the strides that some tap reads. All taps then read at a
// fixed offset from the flat position p = row·rowStride + column of their result, so that a convolution is a product
// over a table of offsets. Results at columns beyond the last are computed too, and dropped. Left margins serve as the
// right margins of the rows before.
//
// The plan is an array of i32 written by src/backend/wasm/conv-plan.ts, the twin of the layout below. Sizes count
// values.

/** Indices of the plan's header. */
export const GROUPS = 0;
/** Source channels of a group. */
export const CHANNELS = 1;
/** Values of a source channel. */
export const SOURCE_PLANE = 2;
/** Planes of a source channel. */
export const PHASES = 3;
/** Distance of planes. */
export const PLANE_STRIDE = 4;
/** Distance of rows within a plane. */
export const ROW_STRIDE = 5;
/** Size of all planes of a group with what may be read beyond them, a multiple of 16. */
export const PLANES_SIZE = 6;
/** Channels of a group of the result. */
export const OUT_CHANNELS = 7;
/** Values of a channel of the result. */
export const OUT_PLANE = 8;
/** How many jobs there are: grids of results that share their taps. */
export const JOBS = 9;
/** Index of the first job. */
export const FIRST_JOB = 10;
/** The records of the phases start here. */
const firstPhase = 11;

/**
 * The record of a phase: first source value, steps of source rows and columns, counts of both, first value in the
 * plane.
 */
const PHASE_FIRST = 0;
const PHASE_ROW_STEP = 1;
const PHASE_COLUMN_STEP = 2;
const PHASE_ROWS = 3;
const PHASE_COLUMNS = 4;
const PHASE_TO = 5;
const phaseSize = 6;

/** The record of a job. Taps of each channel. */
export const JOB_TAPS = 0;
/** Index of the taps' places in the kernel. */
export const JOB_PLACES = 1;
/** Index of the table of byte offsets, (channel, tap), for as many channels as are summed in one go. */
export const JOB_OFFSETS = 2;
/** As many channels as are summed in one go. */
export const JOB_BLOCK = 3;
/** First value of the packed weights. */
export const JOB_WEIGHTS = 4;
/** The grid: rows and columns, the first's place in the channel of the result, steps between them. */
export const JOB_ROWS = 5;
export const JOB_COLUMNS = 6;
export const JOB_FIRST = 7;
export const JOB_ROW_STEP = 8;
export const JOB_COLUMN_STEP = 9;
/** Rows that are computed before they are stored. */
export const JOB_CHUNK = 10;
export const jobSize: i32 = 11;

/** Entry `index` of an array of i32. */
// @inline
export function word(plan: usize, index: i32): i32 {
  return load<i32>(plan + ((<usize>index) << 2));
}

/** Bytes of `count` values, or of `a` times `count`. */
// @inline
export function bytes(count: i32, a: i32 = 1): usize {
  return (<usize>count * <usize>a) << 2;
}

/** x[i] = 0 for `size` bytes, a multiple of 16. */
export function clear(x: usize, size: usize): void {
  const zero = f32x4.splat(0);
  const end = x + size;
  while (x < end) {
    v128.store(x, zero);
    x += 16;
  }
}

/** Copies `channels` source channels into their planes, whose margins are zero already. */
export function fillPlanes(plan: usize, source: usize, channels: i32, planes: usize): void {
  const sourceBytes = bytes(word(plan, SOURCE_PLANE));
  const planeBytes = bytes(word(plan, PLANE_STRIDE));
  const rowBytes = bytes(word(plan, ROW_STRIDE));
  const phases = word(plan, PHASES);
  for (let channel = 0; channel < channels; channel++) {
    let phase = plan + (firstPhase << 2);
    for (let f = 0; f < phases; f++) {
      const rows = word(phase, PHASE_ROWS);
      const columns = word(phase, PHASE_COLUMNS);
      const columnStep = bytes(word(phase, PHASE_COLUMN_STEP));
      const rowStep = bytes(word(phase, PHASE_ROW_STEP));
      let from = source + bytes(word(phase, PHASE_FIRST));
      let to = planes + bytes(word(phase, PHASE_TO));
      for (let row = 0; row < rows; row++) {
        if (columnStep == 4) copyRow(from, to, columns);
        else gatherRow(from, columnStep, to, columns);
        from += rowStep;
        to += rowBytes;
      }
      planes += planeBytes;
      phase += phaseSize << 2;
    }
    source += sourceBytes;
  }
}

/** Bytes of the planes, as a number that may be larger than memory. */
export function planesScratch(plan: usize): f64 {
  return 4 * <f64>word(plan, PLANES_SIZE);
}

/** to[i] = from[i]; the last vector overlaps the one before it. */
// @inline
export function copyRow(from: usize, to: usize, length: i32): void {
  if (length < 4) {
    gatherRow(from, 4, to, length);
    return;
  }
  const last = from + bytes(length - 4);
  const distance = to - from;
  for (; from < last; from += 16) v128.store(from + distance, v128.load(from));
  v128.store(last + distance, v128.load(last));
}

/** to[i] = 0; the last vector overlaps the one before it. Rows are short: calling the engine's fill takes longer. */
// @inline
export function clearRow(to: usize, length: i32): void {
  if (length < 4) {
    for (let i = 0; i < length; i++) store<f32>(to + bytes(i), 0);
    return;
  }
  const zero = f32x4.splat(0);
  const last = to + bytes(length - 4);
  for (; to < last; to += 16) v128.store(to, zero);
  v128.store(last, zero);
}

/** to[i] = from[i·step], the step in bytes. */
function gatherRow(from: usize, step: usize, to: usize, length: i32): void {
  if (step == 8) {
    // Of the last vector only seven values need exist.
    for (; length >= 4; length -= 4) {
      const values = v128.shuffle<f32>(v128.load(from), v128.load(from, 12), 0, 2, 5, 7);
      v128.store(to, values);
      from += 32;
      to += 16;
    }
  }
  for (let i = 0; i < length; i++) {
    store<f32>(to, load<f32>(from));
    from += step;
    to += 4;
  }
}

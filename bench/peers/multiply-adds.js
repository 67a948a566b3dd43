// The rate at which WebAssembly multiplies and adds when it does nothing else: what no product or convolution can beat.
// A module is written here byte by byte, as there is nothing else to compile: a loop over accumulators in registers, as
// many as hide the latency.

const ACCUMULATORS = 12;
const LANES = 4;

const get = (local) => [0x20, local];
const set = (local) => [0x21, local];
const SPLAT = [0xfd, 0x13];
const MULTIPLY = [0xfd, 0xe6, 0x01];
const ADD = [0xfd, 0xe4, 0x01];
const FIRST_LANE = [0xfd, 0x1f, 0];

/** A section or a body: its length in LEB128, then itself. */
function sized(bytes) {
  return bytes.length < 128 ? [bytes.length, ...bytes] : [(bytes.length & 127) | 128, bytes.length >> 7, ...bytes];
}

/** (rounds: i32, a: f32, b: f32) → f32: each accumulator becomes itself · a + b, `rounds` times. */
function module() {
  const [rounds, a, b, wideA, wideB, first] = [0, 1, 2, 3, 4, 5];
  const accumulators = Array.from({ length: ACCUMULATORS }, (_, k) => first + k);
  const body = [
    ...[1, 2 + ACCUMULATORS, 0x7b],
    ...[...get(a), ...SPLAT, ...set(wideA), ...get(b), ...SPLAT, ...set(wideB)],
    ...accumulators.flatMap((k) => [...get(wideB), ...set(k)]),
    ...[0x03, 0x40],
    ...accumulators.flatMap((k) => [...get(k), ...get(wideA), ...MULTIPLY, ...get(wideB), ...ADD, ...set(k)]),
    ...[...get(rounds), 0x41, 1, 0x6b, 0x22, rounds, 0x0d, 0, 0x0b],
    ...[...get(first), ...accumulators.slice(1).flatMap((k) => [...get(k), ...ADD]), ...FIRST_LANE, 0x0b],
  ];
  return new WebAssembly.Module(
    Uint8Array.of(
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...[1, ...sized([1, 0x60, 3, 0x7f, 0x7d, 0x7d, 1, 0x7d])],
      ...[3, ...sized([1, 0])],
      ...[7, ...sized([1, 3, 0x72, 0x75, 0x6e, 0, 0])],
      ...[10, ...sized([1, ...sized(body)])],
    ),
  );
}

/** Work of `count` multiply-adds of float32 in registers of one thread. */
export function multiplyAdds({ count }) {
  const { run } = new WebAssembly.Instance(module()).exports;
  const rounds = Math.round(count / (ACCUMULATORS * LANES));
  return {
    run: () => run(rounds, 0.5, 1),
    // x = x/2 + 1 comes to 2 in every accumulator.
    check: async () => [[run(rounds, 0.5, 1), 2 * ACCUMULATORS]],
  };
}

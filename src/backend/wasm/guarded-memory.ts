import { WasmMemory } from "./memory.js";

/** Bytes before and after each block that no kernel may write. */
const zoneBytes = 256;
/** What zones and fresh blocks hold: NaN as f32 and as f64, and as an i32 no index or count that a kernel could use. */
const zoneWord = 0x7ff8c0de;
const freshWord = 0x7ff8f2e5;

/** Blocks of one size, side by side. */
interface Row {
  readonly bytes: number;
  readonly count: number;
}

/**
 * Memory that finds kernels which leave it, for tests: blocks lie between zones whose words are compared when a block
 * is freed and by {@link GuardedMemory.check}; fresh and freed memory holds NaN, so that results made of either are
 * NaN. A write between the last value of a block and the end of its cache line is allowed, as {@link WasmMemory} says,
 * and not seen.
 */
export class GuardedMemory extends WasmMemory {
  #words = new Int32Array(0);
  readonly #rows = new Map<number, Row>();
  #inUse = 0;

  override get inUse(): number {
    return this.#inUse;
  }

  override stepOf(bytes: number): number {
    return super.stepOf(bytes) + zoneBytes;
  }

  override allocate(bytes: number, count = 1): number {
    const total = zoneBytes + count * this.stepOf(bytes);
    const start = super.allocate(total) + zoneBytes;
    this.#fill(freshWord, start - zoneBytes, total);
    for (const zone of this.#zonesOf(start, bytes, count)) this.#fill(zoneWord, zone, zoneBytes);
    this.#rows.set(start, { bytes, count });
    this.#inUse += count * super.stepOf(bytes);
    return start;
  }

  override free(start: number, bytes: number, count = 1): void {
    const row = this.#rows.get(start);
    if (row?.bytes !== bytes || row.count !== count) {
      throw new Error(`internal: ${count}·${bytes} bytes at ${start} are freed, which are no block`);
    }
    this.#checkRow(start, row);
    const total = zoneBytes + count * this.stepOf(bytes);
    this.#fill(freshWord, start - zoneBytes, total);
    this.#rows.delete(start);
    this.#inUse -= count * super.stepOf(bytes);
    super.free(start - zoneBytes, total);
  }

  /** Checks the zones of all blocks in use. @throws Error naming the block beside which something was written */
  check(): void {
    for (const [start, row] of this.#rows) this.#checkRow(start, row);
  }

  #checkRow(start: number, { bytes, count }: Row): void {
    const words = this.#view();
    for (const zone of this.#zonesOf(start, bytes, count)) {
      // Addresses may be beyond what shifts can hold.
      for (let word = zone / 4; word < (zone + zoneBytes) / 4; word++) {
        if (words[word] === zoneWord) continue;
        throw new Error(
          `internal: a kernel wrote beside its memory, ${4 * word - start} bytes from the start of ${count}·${bytes} bytes`,
        );
      }
    }
  }

  /** Where the zones around a row of blocks start. */
  #zonesOf(start: number, bytes: number, count: number): number[] {
    const step = this.stepOf(bytes);
    return Array.from({ length: count + 1 }, (_, k) => start - zoneBytes + k * step);
  }

  #fill(word: number, start: number, bytes: number): void {
    this.#view().fill(word, start / 4, (start + bytes) / 4);
  }

  #view(): Int32Array {
    const { buffer } = this.memory;
    if (this.#words.byteLength !== buffer.byteLength) this.#words = new Int32Array(buffer);
    return this.#words;
  }
}

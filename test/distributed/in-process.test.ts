import { alone, BatchNorm, inProcessCommunicator, inProcessGroup, Sequential, syncBatchNorm } from "evenkeel";
import { describe, expect, test } from "vitest";
import { onRanks } from "../support/ranks.js";

describe("ranks in one process", () => {
  test("sum, gather, hand round and wait, in the order of ranks and with equal bits", async () => {
    const results = await onRanks(
      3,
      `const values = Float32Array.from({ length: 9001 }, (_, i) => (communicator.rank + 1) / (i + 3));
       communicator.allReduceSum(values);
       const gathered = communicator.allGather(Float64Array.of(communicator.rank, 7));
       const shared = new Float64Array(2).fill(communicator.rank);
       communicator.broadcast(shared, 2);
       communicator.barrier();
       const pending = communicator.beginAllReduceSum(shared);
       pending.finish();
       return { last: values[9000], bits: Buffer.from(values.buffer).toString("base64"), gathered: [...gathered], shared: [...shared] };`,
    );
    const [first] = results as { last: number; gathered: number[]; shared: number[] }[];
    expect(results).toEqual([first, first, first]);
    expect(first).toMatchObject({ last: Math.fround(6 / 9003), gathered: [0, 7, 1, 7, 2, 7], shared: [6, 6] });
  });

  test("a rank that does not come is an error in time, which says what it missed", async () => {
    await expect(
      onRanks(2, `if (communicator.rank === 0) communicator.barrier("BatchNorm(8) at 3, forward");`, null, 0.2),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: rank 0 of 2, BatchNorm(8) at 3, forward: expected every rank within 0.2 s, got only 1 of 2. Let every rank run the same steps.]`,
    );
  });

  test("arrays of two lengths are an error on both", async () => {
    await expect(
      onRanks(2, "communicator.allGather(new Float64Array(2 + communicator.rank));"),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: rank 0 of 2, allGather: expected 2 values from every rank, got 3 from rank 1. Let every rank run the same steps.]`,
    );
  });

  test("ranks that are in different collectives are an error that names both", async () => {
    await expect(
      onRanks(2, 'communicator.allGather(new Float64Array(3), communicator.rank === 0 ? "A" : "B");'),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[Error: rank 0 of 2, A: expected 3 values from every rank, got those of another collective from rank 1. Let every rank run the same steps.]`,
    );
  });

  test("a rank outside the group is refused", () => {
    expect(() => inProcessCommunicator(inProcessGroup(2), 2)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: inProcessCommunicator(group, rank): expected a rank from 0 to 1, got 2. Number the threads from 0.]`,
    );
    expect(() => inProcessGroup(0)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: inProcessGroup(size): expected size to be a whole number of at least 1, got 0. Correct size.]`,
    );
  });

  test("one process by itself leaves everything as it is", () => {
    const values = Float32Array.of(1, 2);
    alone.allReduceSum(values);
    alone.beginAllReduceSum(values).finish();
    alone.broadcast(values);
    alone.barrier();
    expect([...values]).toEqual([1, 2]);
    expect([...alone.allGather(Float64Array.of(3))]).toEqual([3]);
    expect(syncBatchNorm(new Sequential(new BatchNorm(2)), alone)).toEqual(["0"]);
  });
});

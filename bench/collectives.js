// The cost model beside the clock: what the collectives of a training step take with nothing between them.
//
//     mpirun -np 2 node bench/collectives.js
//
// Latency and bandwidth are measured first, with the smallest message and one of 4 MiB; prints one JSON line.
import { cnn, predictSeconds, resnet, stepCost, syncBatchNorm } from "../dist/index.js";
import { connect } from "../dist/mpi/index.js";

const communicator = await connect();
const { rank, size: ranks } = communicator;

/** The median of several runs, in seconds. */
function secondsOf(run, repeats) {
  const times = Array.from({ length: repeats }, () => {
    communicator.barrier();
    const start = performance.now();
    run();
    return (performance.now() - start) / 1000;
  });
  return times.sort((a, b) => a - b)[repeats >> 1];
}

const small = Float64Array.of(rank);
const large = new Float32Array(1 << 20);
const rounds = Math.ceil(Math.log2(ranks));
const latency = secondsOf(() => communicator.allGather(small), 500) / rounds;
const traffic = (2 * (ranks - 1) * large.byteLength) / ranks;
const bandwidth = traffic / (secondsOf(() => communicator.allReduceSum(large), 50) - 2 * rounds * latency);

const networks = {
  cnn: cnn({ inputShape: [1, 28, 28], classes: 10, norm: "batch" }),
  "resnet-20": resnet({ inputShape: [3, 32, 32], classes: 10, norm: "batch" }),
};
const rows = Object.entries(networks).map(([network, model]) => {
  syncBatchNorm(model, communicator);
  const cost = stepCost(model);
  const messages = cost.collectives.map(({ kind, purpose, bytes }) => {
    // What is exchanged in float64 carries a mark, which the communicator adds.
    const values = purpose.startsWith("gradients") ? new Float32Array(bytes / 4) : new Float64Array(bytes / 8 - 1);
    return () => communicator[kind === "allGather" ? "allGather" : "allReduceSum"](values, purpose);
  });
  const measured = secondsOf(() => {
    for (const send of messages) send();
  }, 200);
  const predicted = predictSeconds(cost, { ranks, latency, bandwidth });
  return { network, bytes: cost.bytes, collectives: messages.length, predicted, measured };
});
if (rank === 0) console.log(JSON.stringify({ ranks, latency, bandwidth, rows }));

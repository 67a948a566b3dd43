import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { inProcessGroup } from "evenkeel";

/**
 * Runs a program on each of `size` ranks, threads of this process, and returns what each gives, or throws the error of
 * the lowest that failed. The program is the body of an async function of `(evenkeel, communicator, argument)`; it has
 * the built package, with memory of its own.
 */
export async function onRanks(
  size: number,
  program: string,
  argument: unknown = null,
  timeout = 60,
): Promise<unknown[]> {
  const group = inProcessGroup(size);
  const entry = pathToFileURL(resolve("dist/index.js")).href;
  const source = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { group, rank, argument, timeout } = workerData;
    import(${JSON.stringify(entry)}).then(async (evenkeel) => {
      evenkeel.onWarning(() => {});
      const communicator = evenkeel.inProcessCommunicator(group, rank, { timeout });
      const result = await (async (evenkeel, communicator, argument) => { ${program} })(evenkeel, communicator, argument);
      parentPort.postMessage({ result });
    }).catch((error) => parentPort.postMessage({ error: error.message }));`;
  const ended = await Promise.all(
    Array.from({ length: size }, async (_, rank) => {
      const worker = new Worker(source, { eval: true, workerData: { group, rank, argument, timeout } });
      const message = await new Promise<{ result?: unknown; error?: string }>((done, fail) => {
        worker.once("message", done);
        worker.once("error", fail);
      });
      await worker.terminate();
      return message;
    }),
  );
  const failed = ended.find(({ error }) => error !== undefined);
  if (failed !== undefined) throw new Error(failed.error);
  return ended.map(({ result }) => result);
}

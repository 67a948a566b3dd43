// The device of a bridge, in a thread of its own: it carries out members in their order, and answers reads.
import { parentPort, workerData } from "node:worker_threads";
import { startOn } from "../../dist/backend/webgpu/start.js";

const { port, signal } = workerData;
const blocks = new Map();
/** What a member threw where nobody waited; the next answer tells it. */
let failure = null;

/** Arguments with the device's blocks in the place of their numbers. */
function withBlocks(value) {
  if (Array.isArray(value)) return value.map(withBlocks);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if ("blockOfBridge" in value) return blocks.get(value.blockOfBridge);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withBlocks(part)]));
}

function answer(value) {
  port.postMessage(value);
  Atomics.store(signal, 0, 1);
  Atomics.notify(signal, 0);
}

function describe(error) {
  return { message: error.message, name: error.name };
}

const started = await startOn("webgpu()", {}).catch((error) => error);
const backend = started instanceof Error ? null : started.backend;
answer(backend === null ? { error: describe(started) } : { value: started.description });

const own = {
  allocate(id, bytes) {
    const block = backend.allocate(bytes);
    // What a kernel leaves unwritten shows.
    if (bytes >= 4) backend.fill(block, Math.floor(bytes / 4), Number.NaN);
    blocks.set(id, block);
  },
  free(id, bytes) {
    const block = blocks.get(id);
    blocks.delete(id);
    if (block !== undefined) backend.free(block, bytes);
  },
};

const asked = {
  read: (id, bytes) => backend.read(blocks.get(id), bytes),
  readWide: (id, count) => backend.readWide(blocks.get(id), count),
  async expect(check, id, count) {
    let found = null;
    backend.expect(check, blocks.get(id), count, (offence) => {
      found = offence;
      return null;
    });
    await backend.read(blocks.get(id), 4);
    return found;
  },
};

parentPort.on("message", ({ member, args, isAsked }) => {
  if (isAsked) {
    const before = failure;
    failure = null;
    asked[member](...args).then(
      (value) => answer(before === null ? { value } : { error: before }),
      (error) => answer({ error: before ?? describe(error) }),
    );
    return;
  }
  try {
    if (member in own) own[member](...args);
    else backend[member](...withBlocks(args));
  } catch (error) {
    failure ??= { ...describe(error), message: `${member}: ${error.message}` };
  }
});

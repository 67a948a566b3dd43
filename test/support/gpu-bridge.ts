import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import type { Backend, Check, Offence } from "../../src/backend/backend.js";
import { cpu } from "../../src/backend/cpu/index.js";
import { registerBackend } from "../../src/backend/index.js";

interface BridgeBlock {
  readonly blockOfBridge: number;
}

type Answer = { readonly value: unknown } | { readonly error: { readonly name: string; readonly message: string } };

/** The largest block, as a software device has it. */
const largestBytes = 2 ** 30;

/**
 * A GPU that answers at once, so that tests written for other backends run on it: its device works in a thread of its
 * own, for whose answers this one waits. Built code of `dist/` runs there.
 */
class Bridge {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #signal = new Int32Array(new SharedArrayBuffer(4));
  #lastBlock = 0;
  inUse = 0;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = new Worker(new URL("./gpu-worker.js", import.meta.url), {
      workerData: { port: port2, signal: this.#signal },
      transferList: [port2],
      execArgv: [],
    });
    this.#worker.unref();
    port1.unref();
    this.#answer();
  }

  send(member: string, ...args: unknown[]): void {
    this.#worker.postMessage({ member, args, isAsked: false });
  }

  ask(member: string, ...args: unknown[]): unknown {
    this.#worker.postMessage({ member, args, isAsked: true });
    return this.#answer();
  }

  allocate(bytes: number): BridgeBlock {
    if (bytes > largestBytes) throw new RangeError(`a block of ${bytes} bytes`);
    this.inUse += bytes;
    const id = ++this.#lastBlock;
    this.send("allocate", id, bytes);
    return { blockOfBridge: id };
  }

  free({ blockOfBridge }: BridgeBlock, bytes: number): void {
    this.inUse -= bytes;
    this.send("free", blockOfBridge, bytes);
  }

  #answer(): unknown {
    let received: { message: unknown } | undefined;
    // The call that wakes may be that of the answer before, whose signal was seen without waiting for it.
    while (received === undefined) {
      Atomics.wait(this.#signal, 0, 0);
      Atomics.store(this.#signal, 0, 0);
      received = receiveMessageOnPort(this.#port);
    }
    const answer = received.message as Answer;
    if ("value" in answer) return answer.value;
    throw new Error(`${answer.error.name}: ${answer.error.message}`);
  }
}

/** Makes the GPU known as "webgpu", answering at once. */
export function startBridge(): void {
  const bridge = new Bridge();
  const readSync = ({ blockOfBridge }: BridgeBlock, bytes: number) =>
    bridge.ask("read", blockOfBridge, bytes) as ArrayBuffer;
  const wideSync = ({ blockOfBridge }: BridgeBlock, count: number) =>
    bridge.ask("readWide", blockOfBridge, count) as Float64Array;
  // What has no meaning of its own here is sent on.
  const members = Object.fromEntries(
    Object.keys(cpu).map((member) => [member, (...args: unknown[]) => bridge.send(member, ...args)]),
  ) as unknown as Backend<BridgeBlock>;
  registerBackend({
    ...members,
    name: "webgpu",
    answersAtOnce: true,
    allocate: (bytes: number) => bridge.allocate(bytes),
    free: (block: BridgeBlock, bytes: number) => bridge.free(block, bytes),
    // Copies: the caller may change what it has written.
    write: (block: BridgeBlock, values: Float32Array | Int32Array, offset = 0) =>
      bridge.send("write", block, values.slice(), offset),
    writeWide: (block: BridgeBlock, values: Float64Array, at = 0) =>
      bridge.send("writeWide", block, values.slice(), at),
    read: async (block: BridgeBlock, bytes: number) => readSync(block, bytes),
    readWide: async (block: BridgeBlock, count: number) => wideSync(block, count),
    readSync,
    readInto(block: BridgeBlock, values: Float32Array | Float64Array) {
      if (values instanceof Float64Array) values.set(wideSync(block, values.length));
      else values.set(new Float32Array(readSync(block, values.byteLength)));
    },
    bytesInUse: () => bridge.inUse,
    bytesAtMost: () => Number.POSITIVE_INFINITY,
    expect(check: Check, block: BridgeBlock, count: number, fault: (offence: Offence) => Error | null) {
      const offence = bridge.ask("expect", check, block.blockOfBridge, count) as Offence | null;
      const error = offence === null ? null : fault(offence);
      if (error !== null) throw error;
    },
  } as Backend<BridgeBlock>);
}

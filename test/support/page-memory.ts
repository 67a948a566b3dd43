import type { CDPSession, Page } from "playwright-core";

/** What a page and its one worker hold after their garbage was collected, in bytes. */
export interface PageMemory {
  /** Objects, of both together. */
  readonly heap: number;
  /** The memory of WebAssembly in the worker. */
  readonly wasm: number;
}

type Ask = <T>(method: string, parameters?: object) => Promise<T>;

/** Gets ready to measure. */
export async function pageMemory(page: Page): Promise<() => Promise<PageMemory>> {
  const session = await page.context().newCDPSession(page);
  const inPage: Ask = (method, parameters) => session.send(method as never, parameters as never);
  const inWorker = await workerOf(session);
  return async () => ({ heap: (await heapOf(inPage)) + (await heapOf(inWorker)), wasm: await wasmOf(inWorker) });
}

/** Puts questions to the debugger of a page's first worker. */
async function workerOf(session: CDPSession): Promise<Ask> {
  const attached = new Promise<string>((resolve) => {
    session.on("Target.attachedToTarget", ({ sessionId }) => resolve(sessionId));
  });
  // Playwright knows no session of a worker, so that messages to it are wrapped by hand.
  await session.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  const sessionId = await attached;
  const waiting = new Map<number, (result: never) => void>();
  session.on("Target.receivedMessageFromTarget", ({ message }) => {
    const { id, result } = JSON.parse(message);
    waiting.get(id)?.(result as never);
    waiting.delete(id);
  });
  let asked = 0;
  return (method, params = {}) =>
    new Promise((resolve, reject) => {
      const id = ++asked;
      waiting.set(id, resolve);
      const message = JSON.stringify({ id, method, params });
      session.send("Target.sendMessageToTarget", { sessionId, message }).catch(reject);
    });
}

async function heapOf(ask: Ask): Promise<number> {
  await ask("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize } = await ask<{ usedSize: number; backingStorageSize: number }>(
    "Runtime.getHeapUsage",
  );
  return usedSize + backingStorageSize;
}

async function wasmOf(ask: Ask): Promise<number> {
  type Remote = { readonly objectId: string };
  const expression = "WebAssembly.Memory.prototype";
  const { result } = await ask<{ result: Remote }>("Runtime.evaluate", { expression });
  const { objects } = await ask<{ objects: Remote }>("Runtime.queryObjects", { prototypeObjectId: result.objectId });
  const sum = await ask<{ result: { value: number } }>("Runtime.callFunctionOn", {
    objectId: objects.objectId,
    functionDeclaration: "function () { return this.reduce((sum, { buffer }) => sum + buffer.byteLength, 0); }",
    returnByValue: true,
  });
  return sum.result.value;
}

import { serveJobs, type WorkerTask } from "./worker-body.js";

/** A thread that has been asked for. */
export interface StartedWorker {
  /** Ends it, whatever it does. */
  terminate(): void;
  /** Whether the process, or the page, shall wait for it. */
  keepAlive(keep: boolean): void;
}

/** Told when a worker cannot start, or has ended although nobody asked it to. */
type Failure = (reason: string) => void;

/** Node's module, asked for where it is: importing it would break browsers. */
function nodeThreads(): typeof import("node:worker_threads") | undefined {
  return globalThis.process?.getBuiltinModule?.("node:worker_threads");
}

function startInNode(
  { Worker }: typeof import("node:worker_threads"),
  task: WorkerTask,
  failed: Failure,
): StartedWorker {
  const source = `(${serveJobs})(require("node:worker_threads").workerData)`;
  // Flags of the process may not be allowed in workers, and none is needed.
  const worker = new Worker(source, { eval: true, workerData: task, execArgv: [], env: {} });
  worker.on("error", (error) => failed(String(error)));
  worker.on("exit", (code) => failed(`one ended with code ${code}`));
  worker.unref();
  return {
    terminate: () => void worker.terminate(),
    keepAlive: (keep) => (keep ? worker.ref() : worker.unref()),
  };
}

function startInBrowser(task: WorkerTask, failed: Failure): StartedWorker {
  const source = `onmessage = ({ data }) => (${serveJobs})(data)`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  let worker = new Worker(url);
  worker.postMessage(task);
  worker.onerror = () => {
    // A Content-Security-Policy without worker-src blob: allows files of the site itself.
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onerror = ({ message }) => failed(message || "one could not be loaded");
    worker.postMessage(task);
  };
  return { terminate: () => worker.terminate(), keepAlive: () => undefined };
}

/** Starts a thread in Node, a page, or a worker. @throws whatever the platform throws if it refuses at once */
export function startWorker(task: WorkerTask, failed: Failure): StartedWorker {
  const node = nodeThreads();
  return node === undefined ? startInBrowser(task, failed) : startInNode(node, task, failed);
}

/** Why memory cannot be shared with workers here; null if it can. */
export function whyAlone(): string | null {
  if (nodeThreads() !== undefined) return null;
  if (typeof Worker === "undefined") return "there are no workers here";
  if (globalThis.crossOriginIsolated) return null;
  return "the page is not cross-origin isolated: serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp";
}

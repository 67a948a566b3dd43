// A worker as a file of its own, for pages whose policy forbids workers made from text.
import { serveJobs, type WorkerTask } from "./worker-body.js";

globalThis.onmessage = ({ data }: MessageEvent<WorkerTask>) => serveJobs(data);

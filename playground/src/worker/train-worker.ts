import { threads } from "evenkeel";
import { Contest } from "../training/contest.js";
import { takeSnapshot } from "../training/snapshot.js";
import { answers } from "./answers.js";
import { openDevice } from "./device.js";
import type { FromWorker, ToWorker } from "./messages.js";

/** The least time between two snapshots, in ms. */
const snapshotEvery = 100;
/** How long training goes on before messages are looked at, in ms. */
const slice = 25;

/** Null until it is built, which takes a while where data are fetched. */
let contest: Contest | null = null;
let opening: Promise<void> = Promise.resolve();
let id = 0;
/** Steps that are still to be made, or will be once there are networks. */
let due = 0;
let looping = false;
/** Whether the page has taken in the last snapshot. */
let pageIsReady = true;
let lastSnapshot = 0;
let stale = false;
/** What works on the networks: one after another, since on a GPU each waits for values in between. */
let work: Promise<unknown> = Promise.resolve();

function post(message: FromWorker, transfer: Transferable[] = []): void {
  postMessage(message, { transfer });
}

/** Does it once everything before it is done. */
function inTurn<T>(body: () => T | Promise<T>): Promise<T> {
  const done = work.then(body);
  work = done.catch(() => {});
  return done;
}

async function postSnapshot(): Promise<void> {
  if (contest === null || !pageIsReady) return;
  const current = contest;
  pageIsReady = false;
  stale = false;
  await inTurn(async () => {
    await current.fetch();
    if (current !== contest) return;
    const { snapshot, transfer } = takeSnapshot(current, due > 0);
    lastSnapshot = performance.now();
    post({ type: "snapshot", id, snapshot }, transfer);
  });
}

/** Lets messages in. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

async function loop(): Promise<void> {
  if (looping) return;
  looping = true;
  while (due > 0 && contest !== null) {
    const current: Contest = contest;
    const until = performance.now() + slice;
    do {
      // Before the step, since whoever pauses or asks for more may do so while it waits for a GPU.
      due--;
      await inTurn(() => current.step());
      if (current !== contest) break;
      stale = true;
      if (current.isOver) due = 0;
    } while (due > 0 && performance.now() < until);
    if (due === 0 || performance.now() - lastSnapshot >= snapshotEvery) await postSnapshot();
    await breathe();
  }
  looping = false;
}

async function open({ experiment, id: ownId, run }: ToWorker & { type: "open" }): Promise<void> {
  const before = contest;
  void inTurn(() => before?.dispose());
  contest = null;
  id = ownId;
  due = run ? Number.POSITIVE_INFINITY : 0;
  try {
    const report = await openDevice(experiment.device);
    if (ownId === id) post({ type: "device", id, ...report });
    const opened = await Contest.open(experiment, { onGpu: report.device === "webgpu" });
    if (ownId !== id) {
      opened.dispose();
      return;
    }
    contest = opened;
    pageIsReady = true;
    post({ type: "opened", id, data: contest.data });
    await postSnapshot();
    void loop();
  } catch (error) {
    post({ type: "failed", id: ownId, message: messageOf(error) });
  }
}

async function answer(message: ToWorker & { type: "ask" }): Promise<void> {
  const awaited = opening;
  await awaited;
  if (awaited !== opening) return answer(message);
  const { question, name, argument } = message;
  try {
    if (contest === null) throw new Error("There are no networks yet.");
    const give: (contest: Contest, argument: never) => unknown = answers[name];
    const current = contest;
    const value = await inTurn(async () => {
      await current.fetch();
      return give(current, argument as never);
    });
    post({ type: "answer", question, value });
  } catch (error) {
    post({ type: "refusal", question, message: messageOf(error) });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

self.onmessage = ({ data: message }: MessageEvent<ToWorker>) => {
  switch (message.type) {
    case "open":
      opening = open(message);
      return;
    case "run":
      due = Number.POSITIVE_INFINITY;
      void loop();
      return;
    case "pause":
      due = 0;
      stale = true;
      void postSnapshot();
      return;
    case "step":
      // Those asked for before the last was made come on top; a run under way ends.
      due = Number.isFinite(due) ? due + message.count : message.count;
      void loop();
      return;
    case "received":
      pageIsReady = true;
      if (stale && due === 0) void postSnapshot();
      return;
    case "ask":
      void answer(message);
  }
};

const wanted = globalThis.crossOriginIsolated ? Math.min(4, Math.max(1, navigator.hardwareConcurrency - 1)) : 1;
void threads(wanted).then(({ count, reason }) => post({ type: "threads", count, reason }));

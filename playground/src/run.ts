import { type ReadonlySignal, signal } from "@preact/signals";
import { formatAddress, parseAddress, settingsOf } from "./address.js";
import type { SceneId } from "./scenes.js";
import { type Experiment, type Settings, type ViewSettings, viewFields } from "./settings.js";
import type { TrainingData } from "./training/data-sets.js";
import type { NetworkSnapshot, Snapshot } from "./training/snapshot.js";
import type { Answer, Answers, Question } from "./worker/answers.js";
import type { DeviceReport, FromWorker, ThreadsReport, ToWorker } from "./worker/messages.js";

/**
 * What is shown and done on the page: settings, the two networks in training, and how to change them. Every view is
 * given it.
 */
export interface Run {
  /** The state of the page; the address follows it. */
  readonly settings: ReadonlySignal<Settings>;
  /** What was not understood in the address. */
  readonly problems: ReadonlySignal<readonly string[]>;
  /** What they train on; null until it has arrived. */
  readonly data: ReadonlySignal<TrainingData | null>;
  /** How the networks stand; null until they are built. */
  readonly snapshot: ReadonlySignal<Snapshot | null>;
  /** Why there are no networks: the data did not arrive, or the worker could not start. */
  readonly failure: ReadonlySignal<string | null>;
  /** Whether training is on, as the user asked. */
  readonly running: ReadonlySignal<boolean>;
  readonly threads: ReadonlySignal<ThreadsReport | null>;
  /** What takes the steps; null until it is ready. */
  readonly device: ReadonlySignal<DeviceReport | null>;
  /** Changes what is trained: both networks start again, and go on training if they were. */
  change(experiment: Partial<Experiment>): void;
  /** Changes what is shown. */
  show(view: Partial<ViewSettings>): void;
  start(): void;
  pause(): void;
  /** Makes so many steps of each network, then pauses. */
  step(count?: number): void;
  /** Both networks start again, and wait. */
  reset(): void;
  /** Sets up a scene, and starts it. */
  stage(scene: SceneId): void;
  /** Asks the worker about the networks, between two steps. @throws the library's message, if it refuses */
  ask<Name extends keyof Answers>(name: Name, argument?: Question<Name>): Promise<Answer<Name>>;
}

/** Starts the worker and takes up the state of the address. */
export function createRun(): Run {
  const read = parseAddress(location.hash);
  const settings = signal(read.settings);
  const problems = signal<readonly string[]>(read.problems);
  const data = signal<TrainingData | null>(null);
  const snapshot = signal<Snapshot | null>(null);
  const failure = signal<string | null>(null);
  const running = signal(false);
  const threads = signal<ThreadsReport | null>(null);
  const device = signal<DeviceReport | null>(null);
  const questions = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  let [id, asked] = [0, 0];

  const worker = new Worker(new URL("./worker/train-worker.ts", import.meta.url), { type: "module" });
  const post = (message: ToWorker): void => worker.postMessage(message);
  worker.onerror = ({ message }) => {
    failure.value = message || "The worker that trains could not be loaded.";
  };
  worker.onmessage = ({ data: message }: MessageEvent<FromWorker>) => {
    switch (message.type) {
      case "threads":
        threads.value = message;
        return;
      case "device":
        if (message.id === id) device.value = message;
        return;
      case "opened":
        if (message.id === id) data.value = message.data;
        return;
      case "snapshot":
        if (message.id !== id) return;
        post({ type: "received" });
        snapshot.value = message.snapshot;
        if (isOver(message.snapshot)) running.value = false;
        if (!message.snapshot.running) keepStep(message.snapshot);
        return;
      case "failed":
        if (message.id !== id) return;
        failure.value = message.message;
        running.value = false;
        return;
      case "answer":
        settle(questions, message.question)?.resolve(message.value as never);
        return;
      case "refusal":
        settle(questions, message.question)?.reject(new Error(message.message));
    }
  };

  const open = (): void => {
    failure.value = null;
    const { experiment, view } = settings.value;
    post({ type: "open", id: ++id, experiment, run: running.value });
    if (!running.value && view.step > 0) post({ type: "step", count: view.step });
  };
  const take = (next: Settings): void => {
    const { experiment, view } = settings.value;
    const restart = JSON.stringify(next.experiment) !== JSON.stringify(experiment) || next.view.scene !== view.scene;
    settings.value = next;
    if (restart) open();
  };
  const address = (next: Settings): void => {
    const hash = formatAddress(next);
    history.replaceState(null, "", hash === "" ? location.pathname + location.search : `#${hash}`);
  };
  const write = (next: Settings): void => {
    take(next);
    problems.value = [];
    address(next);
  };
  /** Notes in the address how far training has come. */
  const keepStep = ({ networks }: Snapshot): void => {
    const step = Math.min(viewFields.step.most, Math.max(...networks.map(({ steps }) => steps)));
    if (step === settings.value.view.step) return;
    settings.value = { ...settings.value, view: { ...settings.value.view, step } };
    address(settings.value);
  };
  const stage = (next: Settings): void => {
    running.value = true;
    settings.value = next;
    open();
  };
  addEventListener("hashchange", () => {
    const next = parseAddress(location.hash);
    problems.value = next.problems;
    if (isScene(location.hash)) stage(next.settings);
    else take(next.settings);
  });
  running.value = isScene(location.hash);
  open();

  return {
    settings,
    problems,
    data,
    snapshot,
    failure,
    running,
    threads,
    device,
    change: (experiment) =>
      write({
        experiment: { ...settings.value.experiment, ...experiment },
        view: { ...settings.value.view, step: 0 },
      }),
    show: (view) => write({ ...settings.value, view: { ...settings.value.view, ...view } }),
    start() {
      running.value = true;
      // What failed, as when data did not arrive, is tried again.
      if (failure.value === null) post({ type: "run" });
      else open();
    },
    pause() {
      running.value = false;
      post({ type: "pause" });
    },
    step(count = 1) {
      running.value = false;
      post({ type: "step", count });
    },
    reset() {
      running.value = false;
      write({ ...settings.value, view: { ...settings.value.view, step: 0 } });
      open();
    },
    stage(scene) {
      stage(settingsOf(scene));
      problems.value = [];
      address(settings.value);
    },
    ask: (name, argument) =>
      new Promise((resolve, reject) => {
        const question = ++asked;
        questions.set(question, { resolve, reject });
        post({ type: "ask", question, name, argument });
      }),
  };
}

function settle<T>(questions: Map<number, T>, question: number): T | undefined {
  const waiting = questions.get(question);
  questions.delete(question);
  return waiting;
}

/** Whether an address is the link of a scene, which starts it. */
function isScene(hash: string): boolean {
  return /^#scene=[\w-]+$/.test(hash);
}

function isOver({ networks }: Snapshot): boolean {
  return networks.every(({ error }: NetworkSnapshot) => error !== null);
}

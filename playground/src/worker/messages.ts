import type { DeviceName, Experiment } from "../settings.js";
import type { TrainingData } from "../training/data-sets.js";
import type { Snapshot } from "../training/snapshot.js";
import type { Answers } from "./answers.js";

/** What the page tells the worker. */
export type ToWorker =
  /** Drops what there was and builds both networks; everything that comes back names the same `id`. */
  | { readonly type: "open"; readonly id: number; readonly experiment: Experiment; readonly run: boolean }
  | { readonly type: "run" }
  | { readonly type: "pause" }
  /** So many steps, then pause. */
  | { readonly type: "step"; readonly count: number }
  /** The last snapshot has arrived: another may come. */
  | { readonly type: "received" }
  | { readonly type: "ask"; readonly question: number; readonly name: keyof Answers; readonly argument: unknown };

/** How many threads compute, and why not more. */
export interface ThreadsReport {
  readonly count: number;
  readonly reason: string | null;
}

/** What takes the steps of the networks. */
export interface DeviceReport {
  readonly device: DeviceName;
  /** What the GPU is called; empty on wasm. */
  readonly name: string;
  /** Whether the CPU only imitates a GPU. */
  readonly isSoftware: boolean;
  /** Why it is not the GPU that was asked for; null if it is what was asked for. */
  readonly reason: string | null;
}

/** What the worker tells the page. */
export type FromWorker =
  | ({ readonly type: "threads" } & ThreadsReport)
  | ({ readonly type: "device"; readonly id: number } & DeviceReport)
  /** The networks are built, or refused; a snapshot follows. */
  | { readonly type: "opened"; readonly id: number; readonly data: TrainingData }
  | { readonly type: "snapshot"; readonly id: number; readonly snapshot: Snapshot }
  /** The networks could not be made at all, as when the data did not arrive. */
  | { readonly type: "failed"; readonly id: number; readonly message: string }
  | { readonly type: "answer"; readonly question: number; readonly value: unknown }
  | { readonly type: "refusal"; readonly question: number; readonly message: string };

import type { Page } from "playwright-core";

/** What Chromium writes of a task of a thread; times in µs. */
interface TraceEvent {
  readonly name: string;
  /** X for whole ones; the last may be cut off. */
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly args?: { readonly name?: string };
  /** Of the processor, whatever else the machine did in the meantime. */
  readonly tdur?: number;
}

/** The processor's time, in ms, of each task that the main thread of a page had to do while `body` ran. */
export async function mainThreadTasks(page: Page, body: () => Promise<void>): Promise<number[]> {
  const browser = page.context().browser();
  if (browser === null) throw new Error("the page has no browser of its own");
  await browser.startTracing(page, {
    categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"],
  });
  await body();
  const trace = await browser.stopTracing();
  const { traceEvents }: { traceEvents: readonly TraceEvent[] } = JSON.parse(trace.toString());
  const place = ({ pid, tid }: TraceEvent): string => `${pid}/${tid}`;
  const isName = ({ name, args }: TraceEvent): boolean => name === "thread_name" && args?.name === "CrRendererMain";
  const threads = new Set(traceEvents.filter(isName).map(place));
  const tasks = traceEvents.filter(
    (event) => event.name === "RunTask" && event.ph === "X" && threads.has(place(event)),
  );
  return tasks.map(({ tdur = Number.NaN }) => tdur / 1000);
}

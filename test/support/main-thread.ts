import type { Page } from "playwright-core";

/** What Chromium writes of a task of a thread; times in µs. */
interface TraceEvent {
  readonly name: string;
  /** X for whole ones; the last may be cut off. */
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly args?: { readonly name?: string };
  /**
   * Of the processor, whatever else the machine did in the meantime; Chromium leaves it out where it did not read it.
   */
  readonly tdur?: number;
}

/** What runs a page's own code. */
const handlers = ["HandlePostMessage", "TimerFire", "FireAnimationFrame", "EventDispatch", "RunMicrotasks"];

/**
 * The processor's time, in ms, that each call of a page's own code took on its main thread while `body` ran, with all
 * that it called. Calls whose time Chromium did not read are not among them.
 */
export async function handlerTimes(page: Page, body: () => Promise<void>): Promise<number[]> {
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
  const isCall = ({ name, ph }: TraceEvent): boolean => handlers.includes(name) && ph === "X";
  return traceEvents
    .filter((event) => isCall(event) && threads.has(place(event)))
    .flatMap(({ tdur }) => (tdur === undefined ? [] : [tdur / 1000]));
}

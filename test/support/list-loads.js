// node --import this lists what a program imports: a line for each module, in the file that $LOADS names.
import { appendFileSync } from "node:fs";
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

if (isMainThread) register(import.meta.url);

export function load(url, context, next) {
  appendFileSync(process.env.LOADS, `${url}\n`);
  return next(url, context);
}

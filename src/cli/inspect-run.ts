import { foldBatchNorm } from "../models/fold-batch-norm.js";
import { Norm } from "../nn/norm.js";
import { RunningNorm } from "../nn/running-norm.js";
import { loadRun } from "../node/load-run.js";
import type { Tensor } from "../tensor.js";
import { formatNumber, formatTable } from "./table.js";

interface Range {
  readonly min: number;
  readonly max: number;
}

/** `evenkeel inspect RUN` */
export async function inspectRun(
  path: string,
  { json, model: network }: { readonly json?: boolean; readonly model?: string },
): Promise<string> {
  const { model, file } = await loadRun(path, network === undefined ? {} : { network });
  const { folded, left } = foldBatchNorm(model.eval());
  const found = model.namedModules().flatMap(([place, module]) => (module instanceof Norm ? [{ place, module }] : []));
  const norms = await Promise.all(
    found.map(async ({ place, module }) => {
      const running = module instanceof RunningNorm ? module : null;
      return {
        place,
        kind: String(module),
        eps: module.eps,
        momentum: running?.momentum ?? null,
        weight: await rangeOf(module.weight),
        runningMean: await rangeOf(running?.runningMean ?? null),
        runningVar: await rangeOf(running?.runningVar ?? null),
        foldsInto: folded.find(({ norm }) => norm === place)?.into ?? null,
        leftBecause: left.find(({ norm }) => norm === place)?.reason ?? (running === null ? ofInput : null),
      };
    }),
  );
  if (json === true) return JSON.stringify({ model: file, norms }, null, 2);
  const lines = [`${norms.length} normalisations, ${folded.length} of them can be folded`];
  const shown = (range: Range | null): string =>
    range === null ? "–" : `${formatNumber(range.min)} to ${formatNumber(range.max)}`;
  const rows = norms.map((norm) => [
    norm.place,
    norm.kind,
    shown(norm.runningMean),
    shown(norm.runningVar),
    shown(norm.weight),
    norm.foldsInto ?? "–",
  ]);
  if (norms.length > 0)
    lines.push("", formatTable([["norm", "layer", "mean", "variance", "weight", "folds into"], ...rows]));
  const reasons = norms.flatMap(({ place, leftBecause }) =>
    leftBecause === null ? [] : [`${place}: cannot be folded: ${leftBecause}`],
  );
  if (reasons.length > 0) lines.push("", ...reasons);
  return lines.join("\n");
}

const ofInput = "it takes its statistics from each input";

async function rangeOf(tensor: Tensor | null): Promise<Range | null> {
  if (tensor === null) return null;
  const values = await tensor.data();
  return { min: values.reduce((a, b) => Math.min(a, b)), max: values.reduce((a, b) => Math.max(a, b)) };
}

import { type InspectedNorm, rangesOf } from "../../formats/foreign/inspected-norm.js";
import { foldBatchNorm } from "../../graph/fold/fold-batch-norm.js";
import { normFindings } from "../../graph/statistics/norm-checks.js";
import type { AnyModule } from "../../nn/module.js";
import { Norm } from "../../nn/norms/norm.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import type { Tensor } from "../../tensor.js";
import { openModel } from "../open-model.js";
import { countNorms, listNorms } from "../print/norm-listing.js";
import { printResult } from "../print/result.js";

/** `evenkeel inspect RUN` */
export async function inspectRun(
  path: string,
  flags: { readonly json: boolean | undefined; readonly model: string | undefined },
): Promise<void> {
  const { model, file } = await openModel(path, flags);
  const { folded, left } = foldBatchNorm(model.eval());
  const modules = new Map(model.namedModules());
  const norms: InspectedNorm[] = [];
  for (const [place, module] of modules) {
    if (!(module instanceof Norm)) continue;
    norms.push({
      ...(await describe(module)),
      place,
      input: inputOf(modules, place),
      foldsInto: folded.find(({ norm }) => norm === place)?.into ?? null,
      leftBecause: left.find(({ norm }) => norm === place)?.reason ?? (module instanceof RunningNorm ? null : ofInput),
    });
  }
  printResult(flags, { model: file, norms }, () => [countNorms(norms), ...listNorms(norms)]);
}

const ofInput = "it takes its statistics from each input";

async function describe(module: Norm): Promise<Omit<InspectedNorm, "place" | "input" | "foldsInto" | "leftBecause">> {
  const running = module instanceof RunningNorm && module.runningMean !== null ? module : null;
  const tensors: readonly [string, Tensor | null][] = [
    ["weight", module.weight],
    ["bias", module.bias],
    ["mean", running?.runningMean ?? null],
    ["variance", running?.runningVar ?? null],
  ];
  const parameters: Record<string, Float64Array> = {};
  for (const [name, tensor] of tensors) if (tensor !== null) parameters[name] = Float64Array.from(await tensor.data());
  return {
    kind: String(module),
    channels: (parameters["weight"] ?? parameters["mean"])?.length ?? null,
    eps: module.eps,
    // A plain average of all batches has no weight of its own.
    momentum: running === null || running.momentum === "cumulative" ? null : running.momentum,
    mode: running === null ? null : "inference",
    settings: {},
    parameters: rangesOf(parameters),
    findings: [...normFindings({ parameters, eps: module.eps }, "Evenkeel")],
  };
}

/** What stands before a module, where a row of layers says so. */
function inputOf(modules: ReadonlyMap<string, AnyModule>, place: string): string {
  const [, parent = "", name] = /^(?:(.*)\.)?(.*)$/.exec(place) ?? [];
  const number = Number(name);
  if (!Number.isInteger(number) || name === "") return "–";
  if (number === 0) return parent === "" ? "the model's input" : `input of ${parent}`;
  const before = parent === "" ? String(number - 1) : `${parent}.${number - 1}`;
  const module = modules.get(before);
  return module === undefined ? "–" : `${before} ${module.constructor.name}`;
}

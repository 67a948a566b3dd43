import type { WalkSettings } from "../../view-fields.js";
import type { WalkInputs } from "./walk.js";

/** The mini-batch that settings describe; samples without a gradient of their own have 0. */
export function walkInputsOf(settings: WalkSettings): WalkInputs {
  const { walkX: x, walkDy: dy } = settings;
  return {
    x,
    dy: x.map((_, k) => dy[k] ?? 0),
    weight: settings.walkWeight,
    bias: settings.walkBias,
    eps: settings.walkEps,
    momentum: settings.walkMomentum,
    runningMean: settings.walkRunningMean,
    runningVar: settings.walkRunningVar,
  };
}

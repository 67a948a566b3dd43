import type { ActivationDiagnosis, Diagnosis, Finding, Gap, NormDiagnosis } from "./diagnosis.js";
import { explained } from "./explain.js";
import { isGap } from "./gap.js";
import { thresholds } from "./thresholds.js";

/** Worse than anything that has a figure. */
const beyondMeasure = 1000;

/** What of a diagnosis is beyond its threshold: causes before what they explain, else the worst first. */
export function findingsOf(diagnosis: Omit<Diagnosis, "findings">): Finding[] {
  const { gap, norms, activations, depth, samples } = diagnosis;
  const enough = samples >= thresholds.samples;
  const broken = depth.find(({ deviation }) => deviation === null);
  const found = [
    ...(broken === undefined ? [] : [notFinite(broken.layer, broken.module)]),
    ...(enough ? inputFinding(norms) : []),
    ...(gap === null ? [] : gapFinding(gap)),
    ...norms.flatMap((norm) => normFindings(norm, enough)),
    ...(enough ? activations.flatMap((activation) => activationFindings(activation, samples)) : []),
    ...scaleFinding(diagnosis),
    ...gradientFinding(diagnosis),
  ];
  return explained(found);
}

function notFinite(layer: string, module: string): Finding {
  return {
    kind: "notFinite",
    layer,
    severity: beyondMeasure,
    evidence: `${module} is the first layer whose output is not finite`,
    advice: "Look for NaN in the data and in the weights of this layer, and go back to an earlier checkpoint.",
  };
}

/** Inputs on another scale than in training show at the first norm, whose channels then all differ by one factor. */
function inputFinding([first]: readonly NormDiagnosis[]): Finding[] {
  const scale = first?.drift?.scale ?? null;
  if (scale === null || first.frozen || first.neverUpdated) return [];
  if ((first.initialLeft ?? 0) >= thresholds.initialLeft) return [];
  const severity = Math.abs(Math.log(scale)) / Math.log(thresholds.inputScale);
  if (severity < 1) return [];
  const evidence = `inputs are on another scale than in training: at the first norm, ${first.layer}, their standard deviation is ${shown(scale)} times the running one, in all channels`;
  const advice =
    "Preprocess the data as for training (scale, mean and standard deviation). Recalibration would hide this.";
  return [{ kind: "inputScale", layer: null, severity: Math.min(beyondMeasure, severity), evidence, advice }];
}

function gapFinding(gap: Gap): Finding[] {
  if (!isGap(gap)) return [];
  const { running, batch, difference, causes } = gap;
  const [first] = causes;
  const by = difference === null ? "not finite" : `${shown(difference)} higher`;
  const accuracies =
    running.accuracy === null || batch.accuracy === null
      ? ""
      : `; accuracy is ${percent(running.accuracy)} instead of ${percent(batch.accuracy)}`;
  const evidence = `the loss with running statistics is ${by} than with batch statistics on the same data (${shown(running.loss)} and ${shown(batch.loss)}${accuracies})`;
  const cause =
    first?.gain != null && first.gain > 0
      ? `; batch statistics in layer ${first.layer} alone close ${percent(Math.min(1, first.gain / (difference ?? first.gain)))} of this gap`
      : "";
  const severity = difference === null ? beyondMeasure : difference / Math.abs(batch.loss ?? 1) / thresholds.gap;
  return [
    {
      kind: "gap",
      layer: null,
      severity: Math.min(beyondMeasure, severity),
      evidence: evidence + cause,
      advice: "Recalibrate with training data, which should close the gap.",
    },
  ];
}

function normFindings(norm: NormDiagnosis, enough: boolean): Finding[] {
  const { layer, module } = norm;
  const found: Finding[] = [];
  const add = (kind: Finding["kind"], severity: number, evidence: string, advice: string): void => {
    if (severity >= 1) found.push({ kind, layer, severity: Math.min(beyondMeasure, severity), evidence, advice });
  };
  const { drift, noise, smallWeights, smallVariances, initialLeft, skippedBatches, batchesTracked } = norm;
  if (norm.neverUpdated && !norm.frozen) {
    const advice = "Recalibrate, or call train() and unfreeze() before training.";
    add(
      "neverUpdated",
      beyondMeasure / 2,
      "the running statistics still have their initial values, mean 0 and variance 1",
      advice,
    );
  } else if (drift !== null && enough && !norm.frozen) {
    const rms = Math.max(drift.mean ?? Number.POSITIVE_INFINITY, drift.deviation ?? Number.POSITIVE_INFINITY);
    const { worstChannel, worst } = drift;
    const both = Number.isFinite(rms)
      ? `running means are off by ${shown(drift.mean)} σ and running standard deviations by ${shown(drift.deviation)} σ (RMS over channels)`
      : `the running statistics of channel ${worstChannel} are not finite`;
    add(
      "drift",
      rms / thresholds.drift,
      both,
      "Recalibrate with training data, or train with a lower momentum of the running statistics.",
    );
    if (rms < thresholds.drift) {
      const what = `the running statistics of channel ${worstChannel} are off by ${shown(worst)} σ`;
      const severity = (worst ?? Number.POSITIVE_INFINITY) / thresholds.channelDrift;
      add("channelDrift", severity, what, "Recalibrate, and look at the inputs of this channel.");
    }
  }
  if (initialLeft !== null && !norm.frozen) {
    const left = `after ${batchesTracked} batches ${percent(initialLeft)} of the running statistics is still their initial mean 0 and variance 1`;
    add("initialLeft", initialLeft / thresholds.initialLeft, left, "Recalibrate, train longer, or lower the momentum.");
  }
  if (skippedBatches > 0) {
    const severity = 1 + (10 * skippedBatches) / (skippedBatches + (batchesTracked ?? 0));
    add(
      "skippedBatches",
      severity,
      `${skippedBatches} ${skippedBatches === 1 ? "batch" : "batches"} with values that are not finite left the running statistics as they were`,
      "Look for NaN and ∞ in the data, and lower the learning rate.",
    );
  }
  if (noise !== null && !norm.frozen && !module.startsWith("BatchRenorm")) {
    const { mean, batchSize, batchSizeForSmallNoise } = noise;
    const scatter = `means of batches of ${batchSize} vary by ${percent(mean)} of a standard deviation; batches of ${batchSizeForSmallNoise} would bring that to 5 %`;
    add("noise", mean / thresholds.noise, scatter, "Use larger batches, GroupNorm or BatchRenorm.");
  }
  if (smallWeights !== null) {
    add(
      "smallWeights",
      smallWeights / thresholds.silentChannels,
      `${percent(smallWeights)} of the weights γ are below ${thresholds.weight}, so that the norm switches these channels off`,
      "Exempt γ from weight decay, or remove these channels.",
    );
  }
  if (smallVariances !== null && enough) {
    add(
      "smallVariances",
      smallVariances / thresholds.silentChannels,
      `${percent(smallVariances)} of the channels have a variance below eps, so that eps decides their scale`,
      "Check whether the layer before it is dead. If it is not, scale its output up or lower eps.",
    );
  }
  return found;
}

function activationFindings(activation: ActivationDiagnosis, samples: number): Finding[] {
  const { layer, module, channels, dead, saturated, norm, centred } = activation;
  const found: Finding[] = [];
  const share = dead.length / channels;
  const before = norm === null ? "no norm precedes it" : `norm ${norm} precedes it`;
  const limit = centred ? thresholds.dead.behindBatchNorm : thresholds.dead.elsewhere;
  if (dead.length >= thresholds.deadChannels && share >= limit) {
    const what = module.startsWith("ReLU") ? "0" : "constant";
    found.push({
      kind: "dead",
      layer,
      severity: share / limit,
      evidence: `${percent(share)} of its channels (${dead.length} of ${channels}) are ${what} for all ${samples} samples; ${before}`,
      advice:
        norm === null
          ? "Put a norm before it, or lower the learning rate."
          : what === "0"
            ? "Lower the learning rate. On these samples, the layers that read these channels get nothing from them."
            : "Lower the learning rate.",
    });
  }
  if (saturated !== null && saturated >= thresholds.saturated) {
    found.push({
      kind: "saturated",
      layer,
      severity: saturated / thresholds.saturated,
      evidence: `${percent(saturated)} of its values lie within 1 % of the ends of its range; ${before}`,
      advice:
        norm === null ? "Put a norm before it, or scale down the weights before it." : "Lower γ or the learning rate.",
    });
  }
  return found;
}

function scaleFinding({ depth, activations }: Omit<Diagnosis, "findings">): Finding[] {
  const names = new Set(activations.map(({ layer }) => layer));
  const seen = depth.filter(({ layer, deviation }) => names.has(layer) && deviation !== null && deviation > 0);
  const sorted = seen.sort((a, b) => (a.deviation ?? 0) - (b.deviation ?? 0));
  if (sorted.length < 2) return [];
  const [least, largest] = [sorted[0], sorted[sorted.length - 1]];
  const ratio = (largest.deviation ?? 0) / (least.deviation ?? 1);
  if (ratio < thresholds.scale) return [];
  return [
    {
      kind: "scale",
      layer: null,
      severity: Math.min(beyondMeasure, ratio / thresholds.scale),
      evidence: `the standard deviation of activations is ${shown(least.deviation)} after layer ${least.layer} and ${shown(largest.deviation)} after layer ${largest.layer}`,
      advice: "Put norms between these layers.",
    },
  ];
}

function gradientFinding({ depth }: Omit<Diagnosis, "findings">): Finding[] {
  const seen = depth.filter(({ relativeGradient }) => relativeGradient !== null && relativeGradient > 0);
  const sorted = seen.sort((a, b) => (a.relativeGradient ?? 0) - (b.relativeGradient ?? 0));
  if (sorted.length < 2) return [];
  const [least, largest] = [sorted[0], sorted[sorted.length - 1]];
  const ratio = (largest.relativeGradient ?? 0) / (least.relativeGradient ?? 1);
  if (ratio < thresholds.gradient) return [];
  return [
    {
      kind: "gradient",
      layer: least.layer,
      severity: Math.min(beyondMeasure, ratio / thresholds.gradient),
      evidence: `the norm of its gradient is ${shown(least.relativeGradient)} of that of its weight; in layer ${largest.layer} this ratio is ${shown(ratio)} times as large`,
      advice: "Put norms before the activations between these layers, or add residual connections.",
    },
  ];
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

function shown(value: number | null): string {
  return value === null ? "not finite" : String(Number(value.toPrecision(3)));
}

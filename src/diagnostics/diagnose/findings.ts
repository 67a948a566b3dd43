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
    evidence: `${module} gives values that are not finite, the first layer to do so`,
    advice: "Look for NaN in the data and in this layer's weights, and go back to a checkpoint before them.",
  };
}

/** Inputs on another scale than in training show at the first norm, whose channels then all differ by one factor. */
function inputFinding([first]: readonly NormDiagnosis[]): Finding[] {
  const scale = first?.drift?.scale ?? null;
  if (scale === null || first.frozen || first.neverUpdated) return [];
  if ((first.initialLeft ?? 0) >= thresholds.initialLeft) return [];
  const severity = Math.abs(Math.log(scale)) / Math.log(thresholds.inputScale);
  if (severity < 1) return [];
  const evidence = `deviations at the first norm, ${first.layer}, are ${shown(scale)} times those of training, alike in all channels`;
  const advice = "Prepare the data as for training (scale, mean and standard deviation); recalibrate() would hide it.";
  return [{ kind: "inputScale", layer: null, severity: Math.min(beyondMeasure, severity), evidence, advice }];
}

function gapFinding(gap: Gap): Finding[] {
  if (!isGap(gap)) return [];
  const { running, batch, difference, causes } = gap;
  const [first] = causes;
  const [worse, better] = [running, batch].map(({ loss, accuracy }) =>
    accuracy === null ? `loss ${shown(loss)}` : `loss ${shown(loss)} (accuracy ${percent(accuracy)})`,
  );
  const evidence = `${worse} with running statistics, ${better} with those of batches, on the same data`;
  const cause =
    first?.gain != null && first.gain > 0
      ? `; batch statistics in layer ${first.layer} alone take ${percent(Math.min(1, first.gain / (difference ?? first.gain)))} of it away`
      : "";
  const severity = difference === null ? beyondMeasure : difference / Math.abs(batch.loss ?? 1) / thresholds.gap;
  return [
    {
      kind: "gap",
      layer: null,
      severity: Math.min(beyondMeasure, severity),
      evidence: evidence + cause,
      advice: "Give the norms statistics of the training data: recalibrate().",
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
    const advice = "Call train() while training, unfreeze() the norm, or recalibrate().";
    add("neverUpdated", beyondMeasure / 2, "running statistics are still mean 0 and variance 1", advice);
  } else if (drift !== null && enough && !norm.frozen) {
    const rms = Math.max(drift.mean ?? Number.POSITIVE_INFINITY, drift.deviation ?? Number.POSITIVE_INFINITY);
    const { worstChannel, worst } = drift;
    const both = Number.isFinite(rms)
      ? `running means lie ${shown(drift.mean)} and running deviations ${shown(drift.deviation)} of a deviation off those of the data (root mean square over channels)`
      : `running statistics are not finite: see channel ${worstChannel}`;
    add(
      "drift",
      rms / thresholds.drift,
      both,
      "Recalibrate with training data, or lower the momentum of the running statistics.",
    );
    if (rms < thresholds.drift) {
      const what = `running statistics of channel ${worstChannel} lie ${shown(worst)} deviations off those of the data`;
      const severity = (worst ?? Number.POSITIVE_INFINITY) / thresholds.channelDrift;
      add("channelDrift", severity, what, "Recalibrate, and look at what this channel is given.");
    }
  }
  if (initialLeft !== null && !norm.frozen) {
    const left = `${percent(initialLeft)} of the initial mean 0 and variance 1 is left after ${batchesTracked} batches`;
    add("initialLeft", initialLeft / thresholds.initialLeft, left, "Train longer, lower the momentum, or recalibrate.");
  }
  if (skippedBatches > 0) {
    const severity = 1 + (10 * skippedBatches) / (skippedBatches + (batchesTracked ?? 0));
    add(
      "skippedBatches",
      severity,
      `${skippedBatches} batches were skipped: not finite`,
      "Look for values in the data that are not finite, and lower the learning rate.",
    );
  }
  if (noise !== null && !norm.frozen && !module.startsWith("BatchRenorm")) {
    const { mean, batchSize, effectiveValues, batchSizeForSmallNoise } = noise;
    const scatter = `means of batches of ${batchSize} scatter by ${percent(mean)} of a deviation, as those of ${shown(effectiveValues)} independent values; 5 % takes ${batchSizeForSmallNoise} samples`;
    add("noise", mean / thresholds.noise, scatter, "Use larger batches, GroupNorm or BatchRenorm.");
  }
  if (smallWeights !== null) {
    add(
      "smallWeights",
      smallWeights / thresholds.silentChannels,
      `${percent(smallWeights)} of γ are below ${thresholds.weight}: the norm switches these channels off`,
      "Leave γ out of weight decay, or remove the channels.",
    );
  }
  if (smallVariances !== null && enough) {
    add(
      "smallVariances",
      smallVariances / thresholds.silentChannels,
      `${percent(smallVariances)} of channels have a variance below eps, which then decides their scale`,
      "Look whether what stands before it is dead; else scale its input up or lower eps.",
    );
  }
  return found;
}

function activationFindings(activation: ActivationDiagnosis, samples: number): Finding[] {
  const { layer, module, channels, dead, saturated, norm, centred } = activation;
  const found: Finding[] = [];
  const share = dead.length / channels;
  const before = norm === null ? "nothing normalises before it" : `norm ${norm} stands before it`;
  const limit = centred ? thresholds.dead.behindBatchNorm : thresholds.dead.elsewhere;
  if (dead.length >= thresholds.deadChannels && share >= limit) {
    const what = module.startsWith("ReLU") ? "0" : "constant";
    found.push({
      kind: "dead",
      layer,
      severity: share / limit,
      evidence: `${percent(share)} of its channels (${dead.length} of ${channels}) are ${what} on all ${samples} samples; ${before}`,
      advice:
        norm === null
          ? "Put a norm before it, or lower the learning rate."
          : what === "0"
            ? "Lower the learning rate. Layers with weights that read these channels can do without them on these samples."
            : "Lower the learning rate.",
    });
  }
  if (saturated !== null && saturated >= thresholds.saturated) {
    found.push({
      kind: "saturated",
      layer,
      severity: saturated / thresholds.saturated,
      evidence: `${percent(saturated)} of its values lie within 1 % of the ends; ${before}`,
      advice:
        norm === null ? "Put a norm before it, or scale the weights before it down." : "Lower γ or the learning rate.",
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
      evidence: `activations deviate by ${shown(least.deviation)} behind ${least.layer} and by ${shown(largest.deviation)} behind ${largest.layer}`,
      advice: "Normalise between these layers.",
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
      evidence: `the gradient of its weight is ${shown(least.relativeGradient)} of the weight, ${shown(1 / ratio)} of that of ${largest.layer}`,
      advice: "Normalise before the activations between them, or add residual connections.",
    },
  ];
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

function shown(value: number | null): string {
  return value === null ? "not finite" : String(Number(value.toPrecision(3)));
}

import type { NetworkSnapshot } from "../../training/snapshot.js";
import type { LayerCurveName } from "../../training/trainer.js";
import { Chart, type Series } from "../../ui/chart.js";

interface Props {
  /** From 0. */
  readonly layer: number;
  readonly networks: readonly NetworkSnapshot[];
  /** Whether each network has a norm. */
  readonly normalised: readonly boolean[];
}

/** How one layer of both networks changed in the course of training. */
export function LayerCurves({ layer, networks, normalised }: Props) {
  const curve = (k: number, curve: LayerCurveName, name: string, dashed = false): Series[] => {
    const found = networks[k]?.layerCurves.at(layer);
    return found === undefined ? [] : [{ name, tone: "ab"[k], x: found.step, y: found[curve], dashed }];
  };
  const both = (name: LayerCurveName): Series[] => [...curve(0, name, "A"), ...curve(1, name, "B")];
  const withBefore = (after: LayerCurveName, before: LayerCurveName): Series[] => [
    ...both(after),
    ...(normalised[0] ? curve(0, before, "A before", true) : []),
    ...(normalised[1] ? curve(1, before, "B before", true) : []),
  ];
  const quantiles = (k: number): Series[] => [
    ...curve(k, "high", "85 %", true),
    ...curve(k, "middle", "50 %"),
    ...curve(k, "low", "15 %", true),
  ];
  return (
    <div class="figures">
      <Chart title="Mean" y="mean of what goes into the activation" series={withBefore("meanAfter", "meanBefore")} />
      <Chart
        title="Spread"
        y="deviation of what goes into the activation"
        series={withBefore("deviationAfter", "deviationBefore")}
      />
      <Chart title="Dead units" y="share of units" range={[0, 1]} series={both("dead")} />
      <Chart title="Gradient norm of the weights" y="norm, logarithmic" logarithmic series={both("gradientNorm")} />
      <Chart title="Unit 1 of A: percentiles" y="value" series={quantiles(0)} />
      <Chart title="Unit 1 of B: percentiles" y="value" series={quantiles(1)} />
    </div>
  );
}

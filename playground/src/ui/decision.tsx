import type { Samples } from "../training/data-sets.js";
import { drawPlane } from "./draw-plane.js";
import { Drawing } from "./drawing.js";

/** Pixels of the drawing along each side. */
const side = 480;

interface DecisionProps {
  /** What there is to see, for those who cannot. */
  readonly label: string;
  /** See {@link NetworkSnapshot.decision}. */
  readonly decision: Float32Array | null;
  readonly samples: Samples;
}

/** The plane, tinted by what a network says of each place, with the samples on it. */
export function Decision({ label, decision, samples }: DecisionProps) {
  return (
    <Drawing
      label={label}
      look="decision"
      size={[side, side]}
      shown={[decision, samples]}
      draw={(context) => drawPlane(context, side, decision, samples)}
    />
  );
}

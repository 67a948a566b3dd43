import { useMemo } from "preact/hooks";
import type { Samples } from "../../training/data-sets.js";
import { gridReach } from "../../training/grid.js";

/** The plane with all samples, those of the batch strong, and the one that is followed large. */
export function MatesMap({
  samples,
  sample,
  mates,
}: {
  readonly samples: Samples;
  readonly sample: number;
  readonly mates: Uint32Array;
}) {
  // Hundreds of points, which snapshots of the training leave as they are.
  return useMemo(() => draw(samples, sample, mates), [samples, sample, mates]);
}

function draw({ inputs }: Samples, sample: number, mates: Uint32Array) {
  const at = (k: number) => ({ cx: (100 * inputs[2 * k]) / gridReach, cy: (-100 * inputs[2 * k + 1]) / gridReach });
  return (
    <svg class="mates-map" viewBox="-100 -100 200 200" role="img" aria-label="The samples of this batch in the plane">
      {Array.from({ length: inputs.length / 2 }, (_, k) => (
        <circle key={k} class="absent" {...at(k)} r="1.4" />
      ))}
      {Array.from(mates, (k) => (
        <circle key={`mate ${k}`} class="mate" {...at(k)} r="3" />
      ))}
      <circle class="followed" {...at(sample)} r="6" />
    </svg>
  );
}

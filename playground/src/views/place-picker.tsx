import { networksOf } from "../networks-of.js";
import type { Run } from "../run.js";
import type { Place } from "../training/train-and-test.js";
import { Choices } from "../ui/choices.js";

/** Chooses the network, where there are two to choose from, and the layer that a part shows. */
export function PlacePicker({
  run,
  part,
  networks,
  place,
}: {
  readonly run: Run;
  /** Its id, which tells the fields of parts apart. */
  readonly part: string;
  readonly networks: readonly (0 | 1)[];
  readonly place: Place;
}) {
  const { experiment, view } = run.settings.value;
  const { depth } = networksOf(experiment)[place.network];
  return (
    <div class="pickers">
      {networks.length > 1 && (
        <Choices
          label="Network"
          name={`${part}-network`}
          options={[
            ["a", "A"],
            ["b", "B"],
          ]}
          value={view.tested}
          onChange={(tested) => run.show({ tested })}
        />
      )}
      <Choices
        label="Hidden layer"
        name={`${part}-layer`}
        options={Array.from({ length: depth }, (_, k) => [String(k + 1), String(k + 1)] as const)}
        value={String(place.layer + 1)}
        onChange={(layer) => run.show({ layer: Number(layer) })}
      />
    </div>
  );
}

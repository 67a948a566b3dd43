import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { Run } from "../run.js";
import type { Place } from "../training/train-and-test.js";
import { useVisible } from "../ui/use-visible.js";
import { FirstStep } from "./first-step.js";
import { placeOf } from "./place.js";
import { PlacePicker } from "./place-picker.js";

/** What a part shows of one layer: a choice of the layer, or what is missing where there is none to look at. */
export function PlaceFrame({
  run,
  part,
  networks,
  missing,
  children,
}: {
  readonly run: Run;
  /** The part's id. */
  readonly part: string;
  /** Those that can be looked at. */
  readonly networks: readonly (0 | 1)[];
  /** What to say where there are none. */
  readonly missing: string;
  readonly children: (place: Place, visible: boolean) => ComponentChildren;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const visible = useVisible(frame);
  const place = placeOf(run, networks);
  const hasTrained = (run.snapshot.value?.networks[place?.network ?? 0].layers.length ?? 0) > 0;
  return (
    <div ref={frame}>
      {place === null ? (
        <p class="note">{missing}</p>
      ) : !hasTrained ? (
        <FirstStep run={run} networks={[place.network]} />
      ) : (
        <>
          <PlacePicker run={run} part={part} networks={networks} place={place} />
          {children(place, visible)}
        </>
      )}
    </div>
  );
}

import type { Run } from "../../run.js";
import type { Place } from "../../training/train-and-test.js";

/** What views of one layer of one network are given. */
export interface PlaceViewProps {
  readonly run: Run;
  readonly place: Place;
  /** Whether it is on the screen: only then the worker is asked. */
  readonly visible: boolean;
}

import { type Affine, affineOf, normWeights } from "./batch-norm-layer.js";
import type { Container, Layer } from "./container.js";
import { channelAxisOf, isChannelsFirst, passageOf } from "./layer-kinds.js";
import { foldInput, foldIntoNorm, foldOutput, isLinear, titleOf } from "./linear-layers.js";
import { isBatchNorm } from "./norm-kinds.js";
import type { TfjsModel } from "./tfjs-model.js";

/** What became of a batch norm: what it was folded into, or why it was left. */
export interface NormOutcome {
  readonly norm: string;
  readonly into?: string;
  readonly reason?: string;
  /** Layers of the main network whose outputs must be the same, before and after, as long as there is what took the norm. */
  readonly compared?: { readonly before: string; readonly after: string; readonly taker: string };
}

/** Either what a norm was folded into, or why it could not be. */
type Attempt = Omit<NormOutcome, "norm">;

/** So many layers between a norm and what takes it are looked past: more have no use, and cost a hostile file nothing. */
const mostBetween = 32;
const tooFar: Attempt = { reason: `more than ${mostBetween} layers that pass it on stand beside it` };

/** Folds every batch norm of a layers model that can be folded, by edits of its layers. */
export function foldNorms(model: TfjsModel, dequantize = false): NormOutcome[] {
  model.dequantize = dequantize;
  const norms = [...model.containers()]
    .flatMap(({ layers }) => [...layers.values()])
    .filter((one) => isBatchNorm(one.className));
  const attempts = norms.map((norm): readonly [Layer, Attempt] => [norm, fold(model, norm, intoWhatIsBefore)]);
  // Only now, since two norms in a row have become one.
  return attempts.map(([norm, attempt]): NormOutcome => {
    const place = norm.container.placeOf(norm);
    const { reason } = attempt;
    if (reason === undefined || reasonOf(model, norm) !== null) return { norm: place, ...attempt };
    const second = fold(model, norm, intoWhatIsAfter);
    return {
      norm: place,
      ...second,
      ...(second.reason === undefined ? {} : { reason: `${reason}; ${second.reason}` }),
    };
  });
}

type Way = (model: TfjsModel, norm: Layer, map: Affine, axis: "last" | "first") => Attempt;

/** Why a norm cannot be folded whatever stands beside it. */
function reasonOf(model: TfjsModel, norm: Layer): string | null {
  const { container } = norm;
  const calls = container.callsOf(norm);
  if (calls > 1) return `it is shared: it is called ${calls} times`;
  if (channelAxisOf(norm) === null)
    return `its axis ${JSON.stringify(norm.config["axis"])} is not known to be that of channels`;
  const map = affineOf(model, norm);
  return typeof map === "string" ? map : null;
}

function fold(model: TfjsModel, norm: Layer, way: Way): Attempt {
  const reason = reasonOf(model, norm);
  const map = affineOf(model, norm);
  const axis = channelAxisOf(norm);
  if (reason !== null || typeof map === "string" || axis === null) return { reason: reason ?? "its map is not known" };
  const weights = Object.values(normWeights(model, norm));
  const attempt = way(model, norm, map, axis);
  if (attempt.into === undefined) return attempt;
  for (const slot of weights) if (slot !== null) slot.isGone = true;
  return attempt;
}

const intoWhatIsBefore: Way = (model, norm, map, axis) => {
  const { container } = norm;
  for (let [one, passed] = [norm, 0]; ; passed++) {
    if (passed > mostBetween) return tooFar;
    const maker = container.before(one);
    if (maker === null || maker.className === "InputLayer") return { reason: "nothing stands before it" };
    const passage = passageOf(maker);
    const passes = passage === "identity" || (passage === "average" && axis === "last");
    if (!passes && !isLinear(maker) && !isBatchNorm(maker.className))
      return { reason: `${titleOf(maker)} stands before it` };
    const sharing = sharingOf(container, maker, `the output of ${titleOf(maker)}`);
    if (sharing !== null) return { reason: sharing };
    if (passes) {
      one = maker;
      continue;
    }
    const reason =
      matchOf(maker, axis) ?? (isLinear(maker) ? foldOutput(model, maker, map) : foldIntoNorm(model, maker, map));
    if (reason !== null) return { reason };
    const previous = container.before(norm);
    const isOutput = container.isMain && container.isOutput(norm);
    if (isOutput) container.becomeIdentity(norm);
    else container.remove(norm);
    return { into: titleOf(maker), ...compared(norm, previous ?? maker, maker) };
  }
};

const intoWhatIsAfter: Way = (model, norm, map, axis) => {
  const { container } = norm;
  let isFlat = false;
  for (let [one, passed] = [norm, 0]; ; passed++) {
    if (passed > mostBetween) return tooFar;
    const sharing = sharingOf(container, one, one === norm ? "its output" : `the output of ${titleOf(one)}`);
    if (sharing !== null) return { reason: sharing };
    const [reader] = container.readersOf(one);
    const title = titleOf(reader);
    if (container.before(reader) !== one) return { reason: `${title} stands after it` };
    const passage = passageOf(reader);
    if (passage === "identity" || (passage !== null && axis === "last")) {
      if (container.callsOf(reader) > 1) return { reason: `${title} is shared` };
      isFlat ||= passage === "flatten";
      one = reader;
      continue;
    }
    if (!isLinear(reader) || (isFlat && reader.className !== "Dense")) return { reason: `${title} stands after it` };
    const reason = matchOf(reader, axis) ?? foldInput(model, reader, map, isFlat);
    if (reason !== null) return { reason };
    container.remove(norm);
    return { into: title, ...compared(reader, reader, reader) };
  }
};

/** Why a layer does not take its channels where the norm has them. */
function matchOf(layer: Layer, axis: "last" | "first"): string | null {
  const own = isBatchNorm(layer.className) ? channelAxisOf(layer) : isChannelsFirst(layer.config) ? "first" : "last";
  return own === axis ? null : `${titleOf(layer)} has its channels along another axis`;
}

/** Why an output that is not read exactly once cannot change. */
function sharingOf(container: Container, layer: Layer, what: string): string | null {
  if (container.callsOf(layer) > 1)
    return `${titleOf(layer)} is shared: it is called ${container.callsOf(layer)} times`;
  const readers = container.readersOf(layer).length;
  if (container.isOutput(layer)) {
    return `${what} is an output of the ${container.isMain ? "model" : `network ${container.place.slice(0, -1)}`}`;
  }
  if (readers === 1) return null;
  return readers === 0 ? `nothing reads ${what}` : `${what} is read elsewhere too`;
}

function compared(before: Layer, after: Layer, taker: Layer): Pick<NormOutcome, "compared"> {
  return before.container.isMain ? { compared: { before: before.name, after: after.name, taker: taker.name } } : {};
}

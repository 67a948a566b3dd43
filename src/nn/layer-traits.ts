import type { AnyModule } from "./module.js";

/** y = scale · x + shift, one of each per channel, in float64. */
export interface ChannelMap {
  /** What x is multiplied by. */
  readonly scale: Float64Array;
  /** What is then added. */
  readonly shift: Float64Array;
}

/**
 * Where channels lie: in axis 1; in the last axis, up to rank 3; or in the last axes, which have so many values
 * together.
 */
export type ChannelAxis = "second" | "last" | number;

/**
 * What a class of layers states about itself in its method `traits`, so that saving, folding, export and diagnosis need
 * no list of layers. What is left out is not known.
 *
 * @example
 * ```ts
 * class Square extends Module {
 *   forward(x: Tensor): Tensor {
 *     return x.mul(x);
 *   }
 *   protected traits(): LayerTraits {
 *     return { constructorArguments: [], isElementwise: true };
 *   }
 * }
 * new Square().channelsAfter(8); // 8
 * ```
 */
export interface LayerTraits {
  /** What the constructor takes to build such a layer again: JSON values, and modules. */
  readonly constructorArguments: readonly unknown[];
  /**
   * Whether nobody but the layer, and the modules among its properties, sees what it is given and gives, and it keeps
   * neither after `forward`. A {@link Sequential} frees at once what passes between two such layers.
   *
   * @defaultValue false
   */
  readonly keepsNothing?: boolean;
  /**
   * The op that the layer is, by its name in graphs, with what follows x: settings, and the layer's own tensors. Files
   * hold the layer as that op.
   *
   * @defaultValue none: it is more than one op
   */
  readonly op?: readonly [name: string, ...settings: unknown[]];
  /** Whether it only joins layers and ops, so that a graph shows these instead. @defaultValue false */
  readonly isComposite?: boolean;
  /**
   * Whether it computes ops and layers alone in evaluation, so that files of other systems hold these, while it moves
   * running statistics in training.
   *
   * @defaultValue false
   */
  readonly isComposedInEvaluation?: boolean;
  /** Whether each value of the output depends only on the value in the same place of the input. @defaultValue false */
  readonly isElementwise?: boolean;
  /** Channels of the output, from those of the input; null where they are not known. */
  readonly channels?: (channels: number | null) => number | null;
  /** Rank of the output, from that of the input; null where it is not known. */
  readonly rank?: (rank: number | null) => number | null;
  /**
   * Whether `forward` takes `{ activation: "relu" }` and then computes the ReLU behind it in the same pass.
   *
   * @defaultValue false
   */
  readonly fusesRelu?: boolean;
  /**
   * Where its input and output have their channels.
   *
   * @defaultValue none of its own: where the layer before it has them
   */
  readonly channelAxis?: ChannelAxis;
  /**
   * The map that the layer is at inference, which does not depend on its input; null if it is none as its switches
   * stand.
   */
  readonly channelMap?: () => ChannelMap | null;
}

/** Traits of a layer that is an op; its constructor takes the op's settings. */
export function ofOp(op: string, ...settings: readonly unknown[]): LayerTraits {
  return { constructorArguments: settings, keepsNothing: true, op: [op, ...settings] };
}

/** Traits of a layer that is an op which works value by value; its constructor takes the op's settings. */
export function elementwise(op: string, ...settings: readonly unknown[]): LayerTraits {
  return { ...ofOp(op, ...settings), isElementwise: true };
}

/**
 * Traits of a layer that is an op over each channel of (N, C, …), with so many axes behind; its constructor takes the
 * op's settings.
 */
export function perChannel(op: string, settings: readonly unknown[], axes: number): LayerTraits {
  return { ...ofOp(op, ...settings), channels: same, rank: () => axes + 2 };
}

/**
 * Traits of a layer whose output has the rank of its input, and its channels in the same axis.
 *
 * @param channels - how many the output has; null: as many as the input
 */
export function keepsRank(
  channels: number | null,
  channelAxis: ChannelAxis,
): Pick<LayerTraits, "keepsNothing" | "channels" | "rank" | "channelAxis"> {
  return { keepsNothing: true, channels: channels === null ? same : () => channels, rank: same, channelAxis };
}

/** The channels or the rank of the output where they are the input's. */
export function same(size: number | null): number | null {
  return size;
}

/**
 * Whether a module does what the class with this prototype does: its own class and those between override nothing but
 * the constructor and `toString`, and the object has no `forward` of its own.
 */
export function behavesAs(module: AnyModule, prototype: object): boolean {
  if (Object.hasOwn(module, "forward")) return false;
  for (let p: object = Object.getPrototypeOf(module); p !== prototype; p = Object.getPrototypeOf(p)) {
    const overrides = Reflect.ownKeys(p).filter((key) => key in prototype);
    if (overrides.some((key) => key !== "constructor" && key !== "toString")) return false;
  }
  return true;
}

/** The prototype nearest to a module that has a property. */
export function ownerOf(module: AnyModule, key: string): object {
  let p: object = Object.getPrototypeOf(module);
  while (!Object.hasOwn(p, key)) p = Object.getPrototypeOf(p);
  return p;
}

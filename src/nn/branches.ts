import { ArgumentError } from "../errors.js";
import { concat } from "../ops/concat.js";
import type { Tensor } from "../tensor.js";
import { isClosed, release } from "./closed.js";
import type { LayerTraits } from "./layer-traits.js";
import { type AnyModule, Module } from "./module.js";

/** Checks that there are branches, and that each is a module. */
function checkBranches(where: string, branches: readonly unknown[]): void {
  const stray = branches.findIndex((branch) => !(branch instanceof Module));
  if (branches.length > 0 && stray < 0) return;
  const given = branches[stray];
  throw new ArgumentError({
    where,
    expected: "modules",
    received: stray < 0 ? "none" : `${Array.isArray(given) ? "an array" : typeof given} as branch ${stray}`,
    cure: "Spread lists of branches (...branches), and put functions into a class that extends Module.",
  });
}

/**
 * Branches that each read x, whose outputs are joined along an axis, as in an Inception block (Szegedy et al. 2014,
 * arXiv:1409.4842). Names are places: `0.weight`.
 *
 * @example
 * ```ts
 * const block = new Concat(1, new Conv2d(8, 4, 1), new Conv2d(8, 12, 3, { padding: 1 }));
 * block.forward(zeros([2, 8, 5, 5])).shape; // [2, 16, 5, 5]
 * ```
 */
export class Concat extends Module {
  /** Along which outputs are joined; negative ones count from the end. */
  readonly axis: number;
  /** What reads x. */
  readonly branches: readonly Module[];

  /** @throws ArgumentError if the axis is no whole number, there are no branches, or one is no module */
  constructor(axis: number, ...branches: Module[]) {
    super();
    const where = "new Concat(axis, ...branches)";
    if (!Number.isInteger(axis)) {
      const cure = "Pass the axis first: new Concat(1, a, b).";
      throw new ArgumentError({ where, expected: "an axis", received: axisText(axis), cure });
    }
    checkBranches(where, branches);
    this.axis = axis;
    this.branches = branches;
  }

  /** Applies the layer. @param x - what every branch takes @throws ShapeError if the outputs do not fit */
  override forward(x: Tensor): Tensor {
    const parts = this.branches.map((branch) => branch.forward(x));
    const y = concat(parts, this.axis);
    for (const [k, part] of parts.entries()) if (part !== x && isClosed(this.branches[k])) release(part);
    return y;
  }

  override children(): [name: string, module: AnyModule][] {
    return this.branches.map((branch, k) => [String(k), branch]);
  }

  protected override traits(): LayerTraits {
    const { axis, branches } = this;
    const rank = (given: number | null): number | null => branches[0].rankAfter(given);
    const isLast = branches.every(({ channelAxis }) => channelAxis === "last");
    const channels = (given: number | null): number | null => {
      const each = branches.map((branch) => branch.channelsAfter(given));
      if (each.includes(null)) return null;
      return axis === (isLast ? -1 : 1) ? each.reduce<number>((sum, one) => sum + Number(one), 0) : each[0];
    };
    return {
      constructorArguments: [axis, ...branches],
      isComposite: true,
      keepsNothing: true,
      channels,
      rank,
      ...(isLast ? { channelAxis: "last" } : {}),
    };
  }

  override toString(): string {
    return `Concat(${[this.axis, ...this.branches].join(", ")})`;
  }
}

function axisText(axis: unknown): string {
  return axis instanceof Module ? "a module" : String(axis);
}

/**
 * Branches that each read x, or each its own of several inputs, and whose outputs are returned beside each other: a
 * network of several heads, or of several inputs. Names are places: `0.weight`.
 *
 * @example
 * ```ts
 * const heads = new Parallel(new Linear(8, 3), new Linear(8, 1));
 * heads.forward(zeros([2, 8])).map(({ shape }) => shape); // [[2, 3], [2, 1]]
 * ```
 */
export class Parallel extends Module<[x: Tensor | readonly Tensor[]], Tensor[]> {
  /** What is applied. */
  readonly branches: readonly Module[];

  /** @throws ArgumentError if there are no branches, or one is no module */
  constructor(...branches: Module[]) {
    super();
    checkBranches("new Parallel(...branches)", branches);
    this.branches = branches;
  }

  /**
   * Applies the layer.
   *
   * @param x - what every branch takes, or an array of as many inputs as there are branches
   * @throws ArgumentError if there are more inputs or fewer
   */
  override forward(x: Tensor | readonly Tensor[]): Tensor[] {
    const { branches } = this;
    if (Array.isArray(x) && x.length !== branches.length) {
      throw new ArgumentError({
        where: `${this}.forward(x)`,
        expected: `one tensor, or ${branches.length} of them`,
        received: `${x.length}`,
        cure: "Pass an input for each branch.",
      });
    }
    return branches.map((branch, k) => branch.forward(Array.isArray(x) ? x[k] : x));
  }

  override children(): [name: string, module: AnyModule][] {
    return this.branches.map((branch, k) => [String(k), branch]);
  }

  protected override traits(): LayerTraits {
    return { constructorArguments: this.branches, isComposite: true };
  }

  override toString(): string {
    return `Parallel(${this.branches.join(", ")})`;
  }
}

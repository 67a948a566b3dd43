import { type AnyModule, Module } from "../nn/module.js";
import type { Tensor } from "../tensor.js";

/**
 * What stands in a graph's tree of names where the model has a module of the user's: its parameters, buffers and
 * children.
 */
export class Branch extends Module<never[], never> {
  readonly #parameters: [key: string, parameter: Tensor][] = [];
  readonly #children: [key: string, module: AnyModule][] = [];

  override forward(): never {
    throw new Error("internal: a branch of a graph's names is not applied");
  }

  override ownParameters(): [key: string, parameter: Tensor][] {
    return this.#parameters;
  }

  override children(): [key: string, module: AnyModule][] {
    return this.#children;
  }

  /** A branch with what a module holds; layers are shared, other modules become branches themselves. */
  static mirror(
    model: AnyModule,
    isLayer: (module: AnyModule) => boolean,
    branches: Map<AnyModule, Branch> = new Map(),
  ): Branch {
    const childOf = (child: AnyModule): AnyModule => (isLayer(child) ? child : Branch.mirror(child, isLayer, branches));
    return Branch.#of(model, childOf, (t) => t, branches);
  }

  /** A tree of names that is one layer, whose keys are those of the layer itself. */
  static around(layer: AnyModule): Branch {
    const branch = new Branch();
    branch.setTraining(layer.training);
    branch.#children.push(["", layer]);
    return branch;
  }

  /** The same tree with other layers and tensors. */
  mapped(
    layerOf: (layer: AnyModule) => AnyModule,
    tensorOf: (t: Tensor) => Tensor,
    branches: Map<AnyModule, Branch> = new Map(),
  ): Branch {
    const childOf = (child: AnyModule): AnyModule =>
      child instanceof Branch ? child.mapped(layerOf, tensorOf, branches) : layerOf(child);
    return Branch.#of(this, childOf, tensorOf, branches);
  }

  /** A branch in the mode of a module, with what stands for its tensors and children; the same for the same module. */
  static #of(
    model: AnyModule,
    childOf: (child: AnyModule) => AnyModule,
    tensorOf: (t: Tensor) => Tensor,
    branches: Map<AnyModule, Branch>,
  ): Branch {
    const known = branches.get(model);
    if (known !== undefined) return known;
    const branch = new Branch();
    branches.set(model, branch);
    branch.setTraining(model.training);
    for (const [key, t] of model.ownParameters()) branch.#parameters.push([key, tensorOf(t)]);
    for (const [name, t] of model.ownBuffers()) branch.buffer(name, tensorOf(t));
    for (const [key, child] of model.children()) branch.#children.push([key, childOf(child)]);
    return branch;
  }

  /** @internal Takes a mode for itself, not for what is inside. */
  setOwnMode(training: boolean): void {
    this.setTraining(training);
  }

  /** Adds a module by its key. */
  place(key: string, module: AnyModule): void {
    this.#children.push([key, module]);
  }

  /** Adds a parameter or buffer by its key. */
  placeTensor(key: string, t: Tensor): void {
    if (t.isParameter) this.#parameters.push([key, t]);
    else this.buffer(key, t);
  }

  /** Puts another module wherever `child` stands in the tree. @param replacement - null takes it out */
  replace(child: AnyModule, replacement: AnyModule | null): void {
    for (const [, module] of this.namedModules()) if (module instanceof Branch) module.#replaceOwn(child, replacement);
  }

  #replaceOwn(child: AnyModule, replacement: AnyModule | null): void {
    const kept = this.#children.flatMap(([key, module]): [key: string, module: AnyModule][] => {
      if (module !== child) return [[key, module]];
      return replacement === null ? [] : [[key, replacement]];
    });
    this.#children.splice(0, this.#children.length, ...kept);
  }
}

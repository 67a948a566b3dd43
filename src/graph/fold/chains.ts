import type { AnyModule } from "../../nn/module.js";
import { joinPath } from "../../nn/paths.js";
import { Residual } from "../../nn/residual.js";
import { Sequential } from "../../nn/sequential.js";

/** A place in a {@link Chain}. */
export interface ChainStep {
  /** The module's path, as in {@link Module.namedModules}. */
  readonly name: string;
  readonly module: AnyModule;
  /** What holds it. */
  readonly parent: AnyModule;
}

/** Modules that are known to be applied one after another, and to nothing else in between. */
export type Chain = readonly ChainStep[];

/** What is known of the order in which a model applies its modules. */
export interface ModelOrder {
  readonly chains: readonly Chain[];
  /** In how many places each module stands. */
  readonly places: ReadonlyMap<AnyModule, number>;
  /** Modules whose surroundings apply them in an order of their own: children of custom classes. */
  readonly unordered: readonly ChainStep[];
}

/**
 * The chains of a model: its `Sequential`s, those inside one another joined, and what stands inside `Residual`s. A
 * Sequential that stands in two places, or has listeners, is a chain of its own. Modules for which `isClosed` holds are
 * not gone into.
 */
export function findChains(model: AnyModule, isClosed: (module: AnyModule) => boolean): ModelOrder {
  const places = countPlaces(model);
  const chains: Chain[] = [];
  const unordered: ChainStep[] = [];
  const seen = new Set<AnyModule>();
  const isOpen = (module: AnyModule): boolean => module.is(Sequential) && !isClosed(module);
  const stepsOf = (name: string, parent: AnyModule): ChainStep[] =>
    parent.children().map(([key, module]) => ({ name: joinPath(name, key), module, parent }));
  const joined = (step: ChainStep): ChainStep[] =>
    isOpen(step.module) && places.get(step.module) === 1 && !step.module.hooked
      ? stepsOf(step.name, step.module).flatMap(joined)
      : [step];
  const visit = (name: string, module: AnyModule): void => {
    if (seen.has(module) || isClosed(module)) return;
    seen.add(module);
    const inside = stepsOf(name, module);
    if (isOpen(module)) addChain(inside.flatMap(joined));
    else if (module.is(Residual)) for (const step of inside) addChain(joined(step));
    else {
      unordered.push(...inside.filter((step) => !isOpen(step.module)));
      for (const step of inside) visit(step.name, step.module);
    }
  };
  const addChain = (chain: Chain): void => {
    chains.push(chain);
    for (const step of chain) visit(step.name, step.module);
  };
  visit("", model);
  return { chains, places, unordered };
}

function countPlaces(model: AnyModule): Map<AnyModule, number> {
  const places = new Map<AnyModule, number>([[model, 0]]);
  for (const [, parent] of model.namedModules()) {
    for (const [, child] of parent.children()) places.set(child, (places.get(child) ?? 0) + 1);
  }
  return places;
}

import { work } from "../../file-budget.js";
import { attempted, Refusal, UnknownInput } from "../../foreign/import-faults.js";
import type { Container, Layer, ValueReference } from "../model/container.js";
import { isObject } from "../model/json.js";
import { layerTitle } from "../model/linear-layers.js";
import { LayerStep, type LayersState } from "./layer-step.js";
import { layerRows } from "./layers/rows.js";
import { masked } from "./masks.js";
import { overSteps } from "./over-steps.js";
import type { Value } from "./value.js";

/** What a call of a layer gives: null where it was refused. */
type Outputs = readonly Value[] | null;

/** A call: which of a layer's. */
interface Call {
  readonly layer: Layer;
  readonly node: number;
}

/** Goes along networks from their outputs, and makes layers and ops of their layers. */
export class LayersImporter {
  readonly faults: Refusal[] = [];
  readonly #state: LayersState;
  /** Layers of which something was refused: one fault each. */
  readonly #refused = new Set<string>();

  constructor(state: LayersState) {
    this.#state = state;
  }

  /**
   * The outputs of a network; null for those that come from what was refused.
   *
   * @param inputs - in the order of its input layers
   */
  outputs(container: Container, inputs: readonly Value[]): (Value | null)[] {
    const done = new Map<string, Outputs>();
    const keyOf = ({ layer, node }: Call): string => `${node} ${layer.name}`;
    const places = new Map(container.inputs.map(([name], k) => [name, k]));
    const callOf = ([name, node]: ValueReference): Call => {
      const layer = container.layers.get(name);
      if (layer === undefined) throw new Error("internal: references to layers are checked");
      return { layer, node: container.callOf(name, node) };
    };
    const find = (reference: ValueReference): Value | null =>
      done.get(keyOf(callOf(reference)))?.[reference[2]] ?? null;

    const stack: [call: Call, needed: readonly ValueReference[], next: number][] = [];
    const enter = (call: Call): void => {
      if (done.has(keyOf(call))) return;
      done.set(keyOf(call), null);
      stack.push([call, neededBy(container, call), 0]);
    };
    for (const output of container.outputs) {
      enter(callOf(output));
      for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
        const [call, needed, next] = top;
        if (next < needed.length) {
          top[2]++;
          enter(callOf(needed[next]));
          continue;
        }
        stack.pop();
        const given = places.get(call.layer.name) ?? (isStart(container, call) ? 0 : undefined);
        const own = given === undefined ? undefined : inputs[given];
        done.set(keyOf(call), this.#attempt(container, call, find, own));
      }
    }
    return container.outputs.map(find);
  }

  #attempt(
    container: Container,
    call: Call,
    find: (reference: ValueReference) => Value | null,
    own: Value | undefined,
  ): Outputs {
    try {
      this.#state.budget.spend("work", work.node);
      return this.#import(container, call, find, own);
    } catch (fault) {
      if (!(fault instanceof Refusal || fault instanceof UnknownInput)) throw fault;
      if (fault instanceof Refusal && !this.#refused.has(fault.title)) {
        this.#refused.add(fault.title);
        this.faults.push(fault);
      }
      return null;
    }
  }

  #import(
    container: Container,
    { layer, node }: Call,
    find: (reference: ValueReference) => Value | null,
    own: Value | undefined,
  ): Outputs {
    const known = (reference: ValueReference): Value => {
      const value = find(reference);
      if (value === null) throw new UnknownInput();
      return value;
    };
    const call = container.argumentsOf(layer)[node] ?? [];
    const inner = container.inner.get(layer.name);
    const row = Object.hasOwn(layerRows, layer.className) ? layerRows[layer.className] : undefined;
    // Told although what it takes may not be known.
    if (inner === undefined && row === undefined)
      throw new Refusal(layerTitle(layer), "a class that no layer or op here is");
    const inputs = own === undefined ? call.map(known) : [own];
    if (inputs.length === 0) throw new Refusal(layerTitle(layer), "no inputs");
    const { options, left } = watched(optionsOf(container, call, known));
    if (inner !== undefined && layer.className !== "TimeDistributed") {
      checkHeeded(layer, left);
      const outputs = this.outputs(inner, inputs);
      return outputs.every((one) => one !== null) ? outputs : null;
    }
    const step = new LayerStep(this.#state, layer, inputs, options);
    if (inner !== undefined) {
      checkHeeded(layer, left);
      return [attempted(step.title, () => masked(step, () => overSteps(step, (x) => this.#output(step, inner, x))))];
    }
    if (row === undefined) return null;
    const output = attempted(step.title, () => masked(step, () => row(step)));
    checkHeeded(layer, left);
    return [output, ...(output.others ?? [])];
  }

  /** The only output of a network. */
  #output(step: LayerStep, inner: Container, x: Value): Value {
    const [y, ...others] = this.outputs(inner, [x]);
    if (others.length > 0) throw step.refuse(`a network of ${others.length + 1} outputs inside`);
    if (y === null) throw new UnknownInput();
    return y;
  }
}

/** What a call says besides its inputs, with the values that it names. */
function optionsOf(
  container: Container,
  [first]: readonly ValueReference[],
  known: (reference: ValueReference) => Value,
): Record<string, unknown> {
  const options = first?.[3];
  if (!isObject(options)) return {};
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key, container.isReference(value) ? known(value) : value]),
  );
}

/** Options that know which of them are left: which nothing has read. */
function watched(given: Record<string, unknown>) {
  const left = new Map<string | symbol, unknown>(Object.entries(given));
  const options = new Proxy(given, {
    get(target, key): unknown {
      left.delete(key);
      return Reflect.get(target, key);
    },
  });
  return { options, left };
}

/** @throws Refusal if a call says what nothing heeds: a mask, states to begin with, or to work as in training */
function checkHeeded(layer: Layer, left: ReadonlyMap<string | symbol, unknown>): void {
  for (const [name, value] of left) {
    if (value === null || value === false || name === "name") continue;
    throw new Refusal(layerTitle(layer), `a call with ${String(name)}${value === true ? ": true" : ""}`);
  }
}

/** Whether a call begins a Sequential network, whose first layer takes its input. */
function isStart(container: Container, { layer }: Call): boolean {
  return container.inputs.length === 0 && container.argumentsOf(layer).length === 0;
}

/** The values that must be known before a call. */
function neededBy(container: Container, { layer, node }: Call): ValueReference[] {
  return container.readBy(container.argumentsOf(layer)[node] ?? []);
}

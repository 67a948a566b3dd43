import { noGrad } from "../../autograd.js";
import { TraceError } from "../../errors.js";
import type { AnyModule } from "../../nn/module.js";
import { joinPath } from "../../nn/paths.js";
import { formatShape, type Shape } from "../../shape.js";
import { Tensor, view } from "../../tensor.js";
import { type OpFunction, type Tracer, withTracer } from "../../tracing.js";
import { type Argument, ConstantRef, mapTree, StateRef, ValueRef } from "../argument.js";

/** A tensor that `forward` made itself, as it was when it was first used. */
export interface RecordedConstant {
  readonly shape: Shape;
  readonly values: Float32Array;
  /** What used it first, for messages. */
  readonly usedBy: string;
}

/** One step of one run. */
export interface RecordedStep {
  /** Unique in its run; see `NetworkNode.name`. */
  readonly name: string;
  readonly path: string;
  readonly layer: AnyModule | null;
  readonly op: string | null;
  readonly run: OpFunction | null;
  readonly args: readonly Argument[];
  readonly gradient: boolean;
  /** Null where it gives several tensors. */
  readonly shape: Shape | null;
}

/** Records one run of a module's `forward`. */
export class Recorder implements Tracer {
  readonly steps: RecordedStep[] = [];
  readonly constants: RecordedConstant[] = [];
  /** The step that was begun last, as messages name it. */
  running = "";
  readonly #model: AnyModule;
  readonly #isLayer: (module: AnyModule) => boolean;
  readonly #paths: ReadonlyMap<unknown, string>;
  readonly #state: ReadonlyMap<Tensor, string>;
  readonly #references = new Map<Tensor, ValueRef | ConstantRef>();
  readonly #makers = new Map<Tensor, string>();
  readonly #names = new Map<string, number>();
  readonly #inputs: number;
  /** The modules that are at work, as paths. */
  readonly #within: string[] = [];
  #withoutGradient = 0;

  constructor(model: AnyModule, isLayer: (module: AnyModule) => boolean, inputs: readonly Tensor[]) {
    this.#model = model;
    this.#isLayer = isLayer;
    this.#paths = new Map(model.namedModules().map(([path, module]) => [module, path]));
    const state = new Map<Tensor, string>();
    for (const [key, t] of model.ownState()) if (!state.has(t)) state.set(t, key);
    this.#state = state;
    this.#inputs = inputs.length;
    for (const [k, t] of inputs.entries()) {
      this.#references.set(t, new ValueRef(k));
      this.#makers.set(t, "the input");
    }
  }

  /** Whether a tensor was computed in this run. */
  made(t: unknown): boolean {
    return t instanceof Tensor && this.#references.get(t) instanceof ValueRef;
  }

  op(name: string, run: OpFunction, given: readonly unknown[]): Tensor {
    const args = given.map((argument) => this.#argument(argument, `${name}()`));
    this.running = this.#where(`${name}()`);
    const result = withTracer(null, () => run(...(given as never[])));
    const path = this.#within.at(-1) ?? "";
    return this.#add(joinPath(path, name), { path, layer: null, op: name, run, args }, given, result) as Tensor;
  }

  module(module: AnyModule, input: readonly unknown[], run: () => unknown): unknown {
    const path = this.#paths.get(module);
    if (!this.#isLayer(module)) {
      this.#within.push(path ?? this.#within.at(-1) ?? "");
      try {
        return run();
      } finally {
        this.#within.pop();
      }
    }
    if (path === undefined && module.ownState().length > 0) {
      throw new TraceError({
        where: `trace(${this.#title}), ${module}`,
        expected: "layers that are properties of a module, or in arrays of them",
        received: "one that is not, so that nothing would train or save it",
        cure: "Make it in the constructor, as a property.",
      });
    }
    const args = input.map((argument) => this.#argument(argument, String(module)));
    const modes = module.namedModules().map(([, part]) => part.saveMode());
    module.eval();
    this.running = this.#where(String(module));
    const result = withTracer(null, run);
    for (const restore of modes) restore();
    // A layer without state may be made on the way.
    const place = path ?? joinPath(this.#within.at(-1) ?? "", module.constructor.name);
    return this.#add(place, { path: place, layer: module, op: null, run: null, args }, input, result);
  }

  within<T>(path: string, run: () => T): T {
    this.#within.push(joinPath(this.#within.at(-1) ?? "", path));
    try {
      return run();
    } finally {
      this.#within.pop();
    }
  }

  withoutGradient<T>(run: () => T): T {
    this.#withoutGradient++;
    try {
      return run();
    } finally {
      this.#withoutGradient--;
    }
  }

  read(t: Tensor, how: string): void {
    const maker = this.#makers.get(t) ?? this.#state.get(t);
    if (maker === undefined) return;
    throw new TraceError({
      where: this.#where(how),
      expected: "a network whose steps do not depend on values",
      received: `a look at the values of ${maker}`,
      cure: "Compute with tensors instead of numbers, or put that part into a customOp or after the network.",
    });
  }

  refuse(what: string, cure: string): void {
    throw new TraceError({
      where: this.#where(what),
      expected: "ops that a graph can hold",
      received: what,
      cure,
    });
  }

  /** What `forward` returned, as references. */
  output(result: unknown): Argument {
    return mapTree(result, (leaf) => {
      if (leaf instanceof Tensor) return this.#argument(leaf, "the output");
      throw new TraceError({
        where: `trace(${this.#title})`,
        expected: "a forward that returns tensors, or arrays or objects of them",
        received: leaf instanceof Promise ? "a promise" : leaf === null ? "null" : typeof leaf,
        cure: "Return the tensors that the network computes.",
      });
    }) as Argument;
  }

  get #title(): string {
    return this.#model.constructor.name;
  }

  #where(what: string): string {
    const path = this.#within.at(-1) ?? "";
    return `trace(${this.#title}), ${what}${path === "" ? "" : ` in ${path}`}`;
  }

  #argument(given: unknown, usedBy: string): Argument {
    return mapTree(given, (leaf) => {
      if (leaf instanceof Tensor) return this.#tensor(leaf, usedBy);
      if (leaf === null || leaf === undefined || ["number", "string", "boolean"].includes(typeof leaf)) return leaf;
      const what = ArrayBuffer.isView(leaf)
        ? "an array of numbers"
        : typeof leaf === "function"
          ? "a function"
          : `a ${(leaf as object).constructor.name}`;
      throw new TraceError({
        where: this.#where(usedBy),
        expected: "tensors and plain settings",
        received: what,
        cure: ArrayBuffer.isView(leaf)
          ? "Make it a tensor with tensor(), and a constant or an input of the network."
          : "Leave it out, or use a layer that has it.",
      });
    }) as Argument;
  }

  #tensor(t: Tensor, usedBy: string): Argument {
    const key = this.#state.get(t);
    if (key !== undefined) return new StateRef(key);
    const known = this.#references.get(t);
    if (known !== undefined) return known;
    const constant = new ConstantRef(this.constants.length);
    this.constants.push({ shape: t.shape, values: withTracer(null, () => t.dataSync()), usedBy: this.#where(usedBy) });
    this.#references.set(t, constant);
    return constant;
  }

  #add(
    name: string,
    step: Pick<RecordedStep, "path" | "layer" | "op" | "run" | "args">,
    given: readonly unknown[],
    result: unknown,
  ): unknown {
    const used = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, used);
    const value = this.#inputs + this.steps.length;
    this.steps.push({
      ...step,
      name: used === 1 ? name : `${name}_${used}`,
      gradient: this.#withoutGradient === 0,
      shape: result instanceof Tensor ? result.shape : null,
    });
    // What a step gives is a tensor of its own, also where it is the very one that it was given, as Dropout's is in
    // evaluation.
    return mapTree(result, (leaf, path) => {
      if (!(leaf instanceof Tensor)) return leaf;
      const own =
        this.#references.has(leaf) || this.#state.has(leaf) || given.includes(leaf)
          ? noGrad(() => view("trace", leaf, leaf.shape))
          : leaf;
      this.#references.set(own, new ValueRef(value, path));
      this.#makers.set(own, `${step.layer ?? step.op}, shape ${formatShape(own.shape)}`);
      return own;
    });
  }
}

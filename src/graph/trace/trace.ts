import { noGrad } from "../../autograd.js";
import { tensor } from "../../create.js";
import { ArgumentError, EvenkeelError, ShapeError, TraceError } from "../../errors.js";
import { type AnyModule, Module, wrapOwnForward } from "../../nn/module.js";
import { isSynchronized } from "../../nn/norms/sync-batch-norm.js";
import { joinPath } from "../../nn/paths.js";
import { concat } from "../../ops/concat.js";
import { slice } from "../../ops/slice.js";
import { checkOptions } from "../../options.js";
import { generator } from "../../random.js";
import { scope } from "../../scope.js";
import { formatShape } from "../../shape.js";
import { Tensor } from "../../tensor.js";
import { withTracer } from "../../tracing.js";
import { isPlainObject, leavesOf } from "../argument.js";
import { Branch } from "../branch.js";
import { Graph } from "../graph.js";
import { isLayer } from "../is-layer.js";
import { findOp, type NetworkNode } from "../node.js";
import type { GraphParts } from "../parts.js";
import {
  checkSameConstants,
  checkSameSteps,
  mergeArguments,
  type OpenAxis,
  openShape,
  type RecordedRun,
} from "./merge-runs.js";
import { Recorder } from "./recorder.js";

/** Options of {@link trace}. */
export interface TraceOptions {
  /**
   * `"eval"`: trace what the network does in evaluation alone; the graph then refuses `train()`, and its layers are put
   * into evaluation mode.
   * @defaultValue "both": it must take the same steps in training
   */
  readonly mode?: "both" | "eval";
  /**
   * Axes of the first input, besides the batch, whose size may vary, each with a step by which it can grow:
   * `{ 2: 8, 3: 8 }` for images whose sides are multiples of 8.
   *
   * @defaultValue none: other sizes are those of the example
   */
  readonly freeAxes?: Readonly<Record<number, number>>;
}

/**
 * Turns a module into a {@link Graph} by running its `forward` on example inputs. The library's layers become nodes
 * under their paths, ops between them nodes with their settings. Control flow over shapes runs as it does for the
 * example. The batch axis stays open: the module runs at two batch sizes, in training and in evaluation mode, without
 * changing anything, and what differs between the runs is an error that names the op.
 *
 * @param model - its own `forward` may use layers, ops and {@link customOp}; no values of tensors, losses or generators
 * @param inputs - example tensors of any values; the first axis of the first is the batch, which other inputs of that
 * size share
 * @returns a graph that shares the model's layers and tensors
 * @throws TraceError naming the op if the network cannot be a graph: it branches on values, keeps tensors between
 * calls, bakes the batch size in, or does something else in training than in evaluation
 * @example
 * ```ts
 * class Skip extends Module {
 *   body = new Linear(4, 4);
 *   forward(x: Tensor): Tensor {
 *     return concat([x, relu(this.body.forward(x))], 1);
 *   }
 * }
 * trace(new Skip(), zeros([2, 4])).forward(zeros([7, 4])).shape; // [7, 8]
 * ```
 */
export function trace(model: AnyModule, ...inputs: (Tensor | TraceOptions)[]): Graph {
  return new Graph(tracedParts(model, inputs));
}

/**
 * What {@link trace} makes a graph of; modules for which `isOpaque` holds are taken for layers, whatever is inside.
 *
 * @param isOpened - whether the graph shows what the model itself computes, also where it is a layer
 */
export function tracedParts(
  model: AnyModule,
  given: readonly (Tensor | TraceOptions)[],
  isOpaque: (module: AnyModule) => boolean = () => false,
  isOpened = false,
): GraphParts {
  const title = `trace(${model instanceof Module ? model.constructor.name : "model"}, …inputs)`;
  const { inputs, options } = parse(title, model, given);
  checkOptions("trace(model, inputs)", options, { mode: true, freeAxes: true });
  const { mode = "both", freeAxes = {} } = options;
  const modes = mode === "eval" ? [false] : [true, false];
  const isNode = (module: AnyModule): boolean =>
    !(isOpened && module === model) && (isLayer(module) || isOpaque(module));
  const parts = scope(() =>
    undisturbed(model, () => {
      const batch = inputs[0].shape[0];
      const size = Math.max(batch, 2);
      const first = inputs.map((x) => (sharesAxis(x, inputs[0], 0) ? grown(x, 0, size - batch) : x));
      const axes: OpenAxis[] = [
        { axis: 0, size, step: 1 },
        ...Object.entries(freeAxes).map(([axis, step]) => ({
          axis: Number(axis),
          size: inputs[0].shape[Number(axis)],
          step,
        })),
      ];
      const examples = [
        first,
        ...axes.map(({ axis, step }) => first.map((x) => (sharesAxis(x, first[0], axis) ? grown(x, axis, step) : x))),
      ];
      const runsOf = (training: boolean): RecordedRun[] =>
        examples.map((example, k) => record(model, example, training, k === 0, isNode));
      const all = modes.map(runsOf);
      const runs = all[all.length - 1];
      checkRuns(title, all, axes);
      return partsOf(title, runs, axes, examples);
    }),
  );
  const names = isNode(model) ? Branch.around(model) : Branch.mirror(model, isNode);
  return { ...parts, names, trains: mode === "both" };
}

function parse(
  where: string,
  model: AnyModule,
  given: readonly (Tensor | TraceOptions)[],
): { inputs: readonly Tensor[]; options: TraceOptions } {
  const last = given.at(-1);
  const options = isPlainObject(last) ? (last as TraceOptions) : {};
  const inputs = (isPlainObject(last) ? given.slice(0, -1) : given) as readonly Tensor[];
  const refuse = (expected: string, received: string, cure: string): never => {
    throw new ArgumentError({ where, expected, received, cure });
  };
  if (!(model instanceof Module)) {
    refuse("a module", typeof model, "Put functions into a class that extends Module.");
  }
  if (inputs.length === 0)
    refuse("example inputs", "none", "Pass tensors of the shapes that the network takes, e.g. zeros([2, 3, 32, 32]).");
  const odd = inputs.find((x) => !(x instanceof Tensor));
  if (odd !== undefined)
    refuse("tensors", typeof odd, "Make inputs with tensor() or zeros(); settings belong to the module's constructor.");
  const [first] = inputs;
  if (first.rank === 0 || first.shape[0] === 0) {
    throw new ShapeError({
      where,
      expected: "a first input with a batch of at least one sample in axis 0",
      received: formatShape(first.shape),
      cure: "Pass an example of shape (N, …).",
    });
  }
  for (const [axis, step] of Object.entries(options.freeAxes ?? {})) {
    const isAxis = Number.isInteger(Number(axis)) && Number(axis) > 0 && Number(axis) < first.rank;
    if (isAxis && Number.isInteger(step) && step > 0) continue;
    refuse(
      `freeAxes from 1 to ${first.rank - 1}, each with a whole step of at least 1`,
      `${axis}: ${step}`,
      "Pass e.g. { freeAxes: { 2: 8, 3: 8 } }.",
    );
  }
  return { inputs, options };
}

function sharesAxis(x: Tensor, first: Tensor, axis: number): boolean {
  return x === first || (axis < x.rank && x.shape[axis] === first.shape[axis]);
}

/** x with `more` places along an axis, which repeat the first ones. */
function grown(x: Tensor, axis: number, more: number): Tensor {
  let longer = x;
  for (let left = more; left > 0; left -= Math.min(left, x.shape[axis])) {
    longer = concat([longer, slice(x, 0, Math.min(left, x.shape[axis]), axis)], axis);
  }
  return longer;
}

/** Runs `fn` and puts back what running a model may change: modes, properties, and the state of the generator. */
function undisturbed<T>(model: AnyModule, fn: () => T): T {
  const modules = model.namedModules().map(([, module]) => module);
  const modes = modules.map((module) => module.saveMode());
  const properties = modules.map((module) => ({ ...(module as object) }));
  const random = generator();
  const { state } = random;
  for (const module of modules) {
    wrapOwnForward(module);
    // Other ranks take no part.
    if (isSynchronized(module)) module.sync = null;
  }
  try {
    return fn();
  } finally {
    random.state = state;
    for (const [k, module] of modules.entries()) restoreProperties(module, properties[k]);
    for (const restore of modes) restore();
  }
}

function restoreProperties(module: object, before: Readonly<Record<string, unknown>>): void {
  for (const key of Object.keys(module)) {
    if (!Object.hasOwn(before, key)) Reflect.deleteProperty(module, key);
    else if (Reflect.get(module, key) !== before[key]) Reflect.set(module, key, before[key]);
  }
}

function record(
  model: AnyModule,
  inputs: readonly Tensor[],
  training: boolean,
  isFirst: boolean,
  isNode: (module: AnyModule) => boolean,
): RecordedRun {
  const recorder = new Recorder(model, isNode, inputs);
  const versions = model.ownState().map(([, t]) => t.storage.version);
  model.train(training);
  let result: unknown;
  try {
    noGrad(() => {
      withTracer(recorder, () => {
        result = (model as unknown as Module<Tensor[], unknown>).forward(...inputs);
      });
    });
  } catch (cause) {
    if (isFirst || cause instanceof TraceError || !(cause instanceof EvenkeelError)) throw cause;
    throw new TraceError(
      {
        where: recorder.running,
        expected: "settings that fit any number of samples and any size of free axes",
        received: `a failure with an input of ${formatShape(inputs[0].shape)} (${cause.message})`,
        cure: "Write −1 for the batch, or a multiple of x.shape[0]; leave axes that must not vary out of freeAxes.",
      },
      { cause },
    );
  }
  checkLeftovers(model, recorder, isNode);
  for (const [k, [key, t]] of model.ownState().entries()) {
    if (t.storage.version === versions[k]) continue;
    throw new TraceError({
      where: `trace(${model.constructor.name}), ${key}`,
      expected: "a forward that changes no parameter or buffer",
      received: "one that does",
      cure: "Let a layer keep the state, or change it outside of forward.",
    });
  }
  return { steps: recorder.steps, constants: recorder.constants, output: recorder.output(result) };
}

/** Looks for computed tensors on modules, which the next call would use. @throws TraceError naming the property */
function checkLeftovers(model: AnyModule, recorder: Recorder, isNode: (module: AnyModule) => boolean): void {
  for (const [path, module] of model.namedModules()) {
    if (isNode(module)) continue;
    for (const [key, value] of Object.entries(module)) {
      if (!leavesOf(value).some((leaf) => recorder.made(leaf))) continue;
      throw new TraceError({
        where: `trace(${model.constructor.name}), ${joinPath(path, key)}`,
        expected: "a forward that keeps no computed tensor",
        received: "one left on this property",
        cure: "Return it, or pass it on as an argument.",
      });
    }
  }
}

function checkRuns(where: string, modes: readonly (readonly RecordedRun[])[], axes: readonly OpenAxis[]): void {
  const evaluation = modes[modes.length - 1];
  for (const [k, { axis }] of axes.entries()) {
    const difference = axis === 0 ? "for any number of samples" : `for any size of axis ${axis}`;
    const cure =
      axis === 0
        ? "Do not branch on the number of samples."
        : "Leave that axis out of freeAxes, or do not branch on its size.";
    checkSameSteps(where, evaluation[0], evaluation[k + 1], difference, cure);
    checkSameConstants(where, evaluation[0], evaluation[k + 1]);
  }
  if (modes.length === 1) return;
  const cure = 'Use layers that know the mode, such as Dropout; or trace it with { mode: "eval" }.';
  for (const [k, run] of modes[0].entries()) {
    checkSameSteps(where, run, evaluation[k], "in training and in evaluation", cure);
    checkSameConstants(where, run, evaluation[k]);
    for (const [at, step] of run.steps.entries()) {
      const other = evaluation[k].steps[at];
      mergeArguments([step.args, other.args], [], () =>
        differs(where, step.name, [step.args, other.args], "in training and in evaluation", cure),
      );
    }
  }
}

function differs(where: string, name: string, values: readonly unknown[], difference: string, cure: string): never {
  throw new TraceError({
    where: `${where}, ${name}`,
    expected: `the same settings ${difference}`,
    received: values.map((value) => (typeof value === "object" ? "others" : String(value))).join(" and "),
    cure,
  });
}

function partsOf(
  where: string,
  runs: readonly RecordedRun[],
  axes: readonly OpenAxis[],
  examples: readonly (readonly Tensor[])[],
): Omit<GraphParts, "names" | "trains"> {
  const [first] = runs;
  const merge = (name: string, given: readonly unknown[]): ReturnType<typeof mergeArguments> =>
    mergeArguments(given, axes, (values) =>
      differs(
        where,
        name,
        values,
        "for any size, or a multiple of it",
        "Write −1 for the batch, or a multiple of x.shape[0]; do not mix it with other numbers.",
      ),
    );
  const nodes = first.steps.map((step, k): NetworkNode => {
    const parts = {
      name: step.name,
      path: step.path,
      args: merge(
        step.name,
        runs.map((run) => run.steps[k].args),
      ) as NetworkNode["args"],
      gradient: step.gradient,
      shape: openShape(
        runs.map((run) => run.steps[k].shape),
        axes,
      ),
    };
    if (step.layer !== null) return { ...parts, layer: step.layer };
    const op = step.op ?? "";
    const run = findOp(op) ?? step.run;
    if (run === null) throw new Error(`internal: op ${op} has no function`);
    return { ...parts, op, run };
  });
  return {
    inputs:
      first === undefined
        ? []
        : examples[0].map((_, k) => ({
            shape: openShape(
              examples.map((example) => example[k].shape),
              axes,
            ),
          })),
    nodes,
    output: merge(
      "the output",
      runs.map((run) => run.output),
    ),
    constants: first.constants.map(({ shape, values }) => tensor(values, shape).persist()),
  };
}

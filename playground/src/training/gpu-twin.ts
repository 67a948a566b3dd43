import {
  type AnyModule,
  copyTo,
  crossEntropy,
  RunningNorm,
  type Sequential,
  Sgd,
  scope,
  setBackend,
  type Tensor,
  tensor,
} from "evenkeel";
import type { Samples } from "./data-sets.js";

/** What one pass over a batch told. */
export interface Pass {
  readonly loss: number;
  /** The mean over the batch of the first unit that each norm with running statistics was given. */
  readonly means: readonly number[];
}

/**
 * A network's double on the GPU, which takes the steps. The network itself stays on wasm, where views look at it
 * without waiting: {@link GpuTwin.pull} brings it up to date.
 */
export class GpuTwin {
  readonly #network: Sequential;
  readonly #model: Sequential;
  readonly #optimizer: Sgd;
  readonly #norms: readonly AnyModule[];

  private constructor(network: Sequential, model: Sequential, rates: ConstructorParameters<typeof Sgd>[1]) {
    this.#network = network;
    this.#model = model;
    this.#optimizer = new Sgd(model.parameters(), rates);
    this.#norms = model.layers.filter((layer) => layer instanceof RunningNorm);
  }

  /** @throws BackendError if `webgpu()` has not opened a GPU */
  static async of(network: Sequential, rates: ConstructorParameters<typeof Sgd>[1]): Promise<GpuTwin> {
    return new GpuTwin(network, await copyTo(network, "webgpu"), rates);
  }

  /** Gradients of the mean loss over a batch. */
  async backward({ inputs, labels }: Samples, shape: readonly number[]): Promise<Pass> {
    const told = onGpu(() =>
      scope(() => {
        const means: Tensor[] = [];
        const release = this.#norms.map((norm) =>
          norm.onForward((_, input) => {
            means.push(input.detach().slice(0, 1, 1).mean());
          }),
        );
        try {
          const loss = crossEntropy(this.#model.forward(tensor(inputs, [labels.length, ...shape])), labels);
          loss.backward();
          return [loss.detach(), ...means];
        } finally {
          for (const end of release) end();
        }
      }),
    );
    const [[loss], ...means] = await Promise.all(told.map((t) => t.data()));
    for (const t of told) t.dispose();
    return { loss, means: means.map(([mean]) => mean) };
  }

  /** Takes the step of the last gradients. */
  step(): void {
    onGpu(() => this.#optimizer.step());
    this.#optimizer.zeroGrad();
  }

  /** Gives the network what its double has learnt. */
  async pull(): Promise<void> {
    const copy = await copyTo(this.#model, "wasm");
    carry(copy, this.#network);
    for (const parameter of copy.parameters()) parameter.dispose();
  }

  /** Gives the double what was changed in the network. */
  push(): void {
    carry(this.#network, this.#model);
  }

  dispose(): void {
    for (const parameter of this.#model.parameters()) parameter.dispose();
  }
}

/** Overwrites all values, counters and switches of a network with those of another of equal layers. */
function carry(from: Sequential, to: Sequential): void {
  scope(() => {
    to.loadStateDict(from.stateDict());
  });
  from.layers.forEach((layer, k) => {
    const state = layer.getExtraState();
    if (state !== null) to.layers[k].setExtraState(state);
  });
}

/** Makes the tensors of a synchronous function on the GPU. */
function onGpu<T>(body: () => T): T {
  setBackend("webgpu");
  try {
    return body();
  } finally {
    setBackend("wasm");
  }
}

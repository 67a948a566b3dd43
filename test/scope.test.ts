import {
  Adam,
  arrayDataset,
  BatchNorm,
  batches,
  Conv2d,
  crossEntropy,
  customOp,
  Flatten,
  fit,
  keep,
  Linear,
  memoryInUse,
  noGrad,
  ReLU,
  relu,
  Sequential,
  Sgd,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "./support/backends.js";
import { expectClose } from "./support/close.js";
import { normal, normalValues } from "./support/seeded.js";

function smallNet(): Sequential {
  return new Sequential(
    new Conv2d(1, 4, 3, { padding: 1 }),
    new BatchNorm(4),
    new ReLU(),
    new Flatten(),
    new Linear(4 * 36, 3),
  );
}

const labels = [0, 1, 2, 0, 1, 2, 0, 1];

describeEachBackend("scope", () => {
  test("1,000 steps in a synchronous loop run at constant memory", () => {
    const net = smallNet();
    const optimizer = new Adam(net.parameters(), { lr: 1e-3 });
    const x = normal([8, 1, 6, 6], 1);
    const seen: number[] = [];
    for (let k = 0; k < 1000; k++) {
      scope(() => crossEntropy(net.forward(x), labels).backward());
      optimizer.step();
      optimizer.zeroGrad();
      if (k === 5 || k === 999) seen.push(memoryInUse());
    }
    expect(seen[1]).toBe(seen[0]);
  });

  test("a scope knows what it owns, however many tensors have come and gone in it", () => {
    const before = memoryInUse();
    const kept: Tensor[] = [];
    const returned = scope(() => {
      const owned = Array.from({ length: 1000 }, (_, k) => {
        const t = tensor([k]);
        if (k % 7 === 0) kept.push(keep(t));
        else if (k % 3 !== 0) t.dispose();
        return t;
      });
      return owned.filter((_, k) => k % 21 === 9);
    });
    expect([...kept, ...returned].map((t) => t.item())).toEqual([
      ...Array.from({ length: 143 }, (_, k) => 7 * k),
      ...Array.from({ length: 48 }, (_, k) => 21 * k + 9),
    ]);
    for (const t of [...kept, ...returned]) t.dispose();
    expect(memoryInUse()).toBe(before);
  });

  test("gradients of parts of a parameter hold the memory of the parameter alone", () => {
    const table = tensor(normalValues(6000, 1), [30, 200], { requiresGrad: true });
    const seen: number[] = [];
    for (let k = 0; k < 4; k++) {
      scope(() => table.slice(0, 10).mul(table.slice(5, 15)).sum().backward());
      seen.push(memoryInUse());
      table.grad = null;
      seen.push(memoryInUse());
    }
    const [held, freed] = seen;
    expect(held - freed).toBe(24_000);
    expect(seen).toEqual([held, freed, held, freed, held, freed, held, freed]);
  });

  test("fit runs at constant memory", async () => {
    const net = smallNet();
    const data = arrayDataset({ inputs: normalValues(64 * 36, 1), shape: [1, 6, 6], labels: new Int32Array(64) });
    const seen: number[] = [];
    await fit(net, batches(data, { batchSize: 8 }), {
      epochs: 125,
      optimizer: new Sgd(net.parameters(), { lr: 1e-3, momentum: 0.9 }),
      onEpoch: () => {
        seen.push(memoryInUse());
      },
    });
    expect(new Set(seen.slice(1)).size).toBe(1);
  });

  test("a throw in mid-forward, 1,000 times, leaks nothing", () => {
    const net = smallNet();
    const x = normal([8, 1, 6, 6], 1);
    scope(() => noGrad(() => net.forward(x)));
    const before = memoryInUse();
    for (let k = 0; k < 1000; k++) {
      expect(() =>
        scope(() => {
          net.forward(x);
          throw new Error("mid-forward");
        }),
      ).toThrow("mid-forward");
    }
    expect(memoryInUse()).toBe(before);
  });

  test("returns survivors in arrays and plain objects, and hands them outward", () => {
    const before = memoryInUse();
    const sums = scope(() => {
      const inner = scope(() => {
        const x = tensor([1, 2]);
        return { list: [x.mul(2), x.mul(3)], lone: x.add(1) };
      });
      expect(inner.lone.dataSync()).toEqual(Float32Array.of(2, 3));
      return [inner.list[0].sum(), inner.list[1].sum()];
    });
    expect(sums.map((t) => t.item())).toEqual([6, 9]);
    for (const t of sums) t.dispose();
    expect(memoryInUse()).toBe(before);
  });

  test("loss and logits are read after backward()", () => {
    const net = smallNet();
    const { loss, logits } = scope(() => {
      const output = net.forward(normal([8, 1, 6, 6], 1));
      const value = crossEntropy(output, labels);
      value.backward();
      return { loss: value, logits: output };
    });
    expect(loss.item()).toBeGreaterThan(0);
    expect(logits.dataSync().length).toBe(24);
  });

  test("two losses on one trunk: added, or with retainGraph, give the same gradients", () => {
    const gradient = (body: (a: Tensor, b: Tensor) => void): Float32Array =>
      scope(() => {
        const w = tensor([1, 2, 3], { requiresGrad: true });
        const trunk = w.mul(w).exp();
        body(trunk.sum(), trunk.mul(2).mean());
        return w.grad?.dataSync() ?? new Float32Array(0);
      });
    const added = gradient((a, b) => a.add(b).backward());
    const retained = gradient((a, b) => {
      a.backward(null, { retainGraph: true });
      b.backward();
    });
    expectClose(retained, added, 1e-6);
    expect(() =>
      gradient((a, b) => {
        a.backward();
        b.backward();
      }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[GraphError: backward() of div: expected a graph that no backward() has released, got one released at exp. Compute forward again, add the losses before one backward(), or pass { retainGraph: true } to the earlier call.]`,
    );
  });

  test("a GAN-like step trains two networks through each other", () => {
    const generator = new Sequential(new Linear(4, 8), new BatchNorm(8), new ReLU(), new Linear(8, 2));
    const critic = new Sequential(new Linear(2, 8), new ReLU(), new Linear(8, 2));
    const optimizers = [generator, critic].map((net) => new Adam(net.parameters(), { lr: 1e-2 }));
    const noise = normal([8, 4], 1);
    const real = normal([8, 2], 2);
    const ones = new Int32Array(8).fill(1);
    const before: number[] = [];
    for (let k = 0; k < 20; k++) {
      scope(() => {
        const fake = generator.forward(noise);
        crossEntropy(critic.forward(real), ones).backward();
        crossEntropy(critic.forward(fake.detach()), new Int32Array(8)).backward();
        optimizers[1].step();
        for (const optimizer of optimizers) optimizer.zeroGrad();
        crossEntropy(critic.forward(fake), ones).backward();
        optimizers[0].step();
        for (const optimizer of optimizers) optimizer.zeroGrad();
      });
      before.push(memoryInUse());
    }
    expect(before[19]).toBe(before[1]);
  });

  test("keep, parameters, buffers, gradients and optimiser state survive", () => {
    let kept: Tensor | undefined;
    const net = scope(() => {
      kept = keep(tensor([1, 2]).mul(2));
      return { net: new Sequential(new Linear(2, 2), new BatchNorm(2)) };
    }).net;
    const optimizer = new Adam(net.parameters(), { lr: 0.1 });
    for (let k = 0; k < 2; k++) {
      scope(() => {
        net
          .forward(normal([8, 2], k))
          .mul(normal([8, 2], 9))
          .sum()
          .backward();
        optimizer.step();
      });
    }
    expect(kept?.dataSync()).toEqual(Float32Array.of(2, 4));
    expect(net.parameters()[0].grad?.dataSync().length).toBe(4);
  });

  test("600 forwards without scope, but with awaits, stay bounded", async () => {
    const net = new Sequential(new BatchNorm(64), new ReLU());
    const x = normal([2048, 64], 1);
    let peak = 0;
    for (let k = 0; k < 600; k++) {
      await net.forward(x).data();
      peak = Math.max(peak, memoryInUse());
    }
    // Each leaves about 1 MiB: 600 MiB if nothing were freed.
    expect(peak).toBeLessThan(400 << 20);
  });

  test("a freed tensor says who made it, and dispose() is idempotent", () => {
    const x = tensor([1, 2]);
    const y = x.mul(2);
    y.dispose();
    y.dispose();
    expect(() => y.dataSync()).toThrowErrorMatchingInlineSnapshot(
      `[TensorFreedError: Tensor(2), made by mul: expected a tensor in use, got one whose memory has been freed. Return it from its scope(), pass it to keep(), or use it before dispose().]`,
    );
  });

  test("what a graph needs outlives the tensors it was computed from", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const x = tensor([3, 4]);
    const loss = scope(() => w.mul(x.mul(1)).sum());
    x.dispose();
    loss.backward();
    expect(w.grad?.dataSync()).toEqual(Float32Array.of(3, 4));
  });
});

describe("scope", () => {
  test("refuses a promise", () => {
    expect(() => scope(async () => 1)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: scope(fn): expected a synchronous function, got one that returns a promise. Await outside of it, or wrap each synchronous part.]`,
    );
  });
});

describe("backward", () => {
  test("says what it lacks", () => {
    expect(() => tensor([1]).backward()).toThrowErrorMatchingInlineSnapshot(
      `[GraphError: Tensor(1).backward(): expected a tensor computed from one with requiresGrad, got one that needs no gradient. Create a parameter with { requiresGrad: true }, and compute outside of noGrad().]`,
    );
    const w = tensor([1, 2], { requiresGrad: true });
    expect(() => w.mul(2).backward()).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Tensor(2).backward(cotangent): expected a cotangent of shape 2, got none. Pass one of that shape, or reduce to one value with sum() or mean() first.]`,
    );
    for (const cotangent of [[1, 1], Float64Array.of(1, 1)]) {
      // @ts-expect-error: numbers of another kind
      expect(() => w.mul(2).backward(cotangent)).toThrow(
        /^Tensor\(2\)\.backward\(cotangent\): expected a tensor or a Float32Array, got (\[1,1\]|Float64Array)\. Pass Float32Array\.from\(values\), or tensor\(values\)\.$/,
      );
    }
    expect(w.grad).toBe(null);
    expect(() => {
      w.mul(2).requiresGrad = true;
    }).toThrowErrorMatchingInlineSnapshot(
      `[GraphError: Tensor(2).requiresGrad: expected a leaf, got the output of mul. Call detach() first.]`,
    );
    const wrong = customOp({ name: "wrong", forward: (x) => x.mul(2), backward: () => [zeros([3])] });
    expect(() => wrong(w).sum().backward()).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: wrong.backward(dy): expected a gradient of shape 2 for input 0, got 3. Return one gradient of each input's own shape.]`,
    );
  });

  test("accumulates into leaves, and gradients never share memory", () => {
    const a = tensor([1, 2], { requiresGrad: true });
    const b = tensor([3, 4], { requiresGrad: true });
    for (let k = 0; k < 2; k++) a.add(b).sum().backward();
    expect(a.grad?.dataSync()).toEqual(Float32Array.of(2, 2));
    expect(b.grad?.dataSync()).toEqual(Float32Array.of(2, 2));
    a.backward(Float32Array.of(1, 1));
    expect(a.grad?.dataSync()).toEqual(Float32Array.of(3, 3));
    expect(b.grad?.dataSync()).toEqual(Float32Array.of(2, 2));
  });

  test("runs over graphs of 20,000 ops without recursion", () => {
    const w = tensor([1], { requiresGrad: true });
    let y: Tensor = w;
    for (let k = 0; k < 20_000; k++) y = y.add(0);
    y.backward();
    expect(w.grad?.item()).toBe(1);
  });

  test("a custom op is part of the graph", () => {
    const clip = customOp({ forward: relu, backward: (dy, [x], y) => [dy.mul(y).mul(x)] });
    const x = tensor([-1, 2], { requiresGrad: true });
    clip(x).sum().backward();
    expect(x.grad?.dataSync()).toEqual(Float32Array.of(-0, 4));
  });
});

describeEachBackend("grad", () => {
  test("assigning null frees the gradient, and what detach() made of it keeps the values", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    w.mul(w).sum().backward();
    const gradient = w.grad as Tensor;
    const kept = gradient.detach();
    w.grad = null;
    expect(w.grad).toBeNull();
    expect(kept.dataSync()).toEqual(Float32Array.of(2, 4));
    expect(() => gradient.dataSync()).toThrowErrorMatchingInlineSnapshot(
      `[TensorFreedError: Tensor(2), made by mul: expected a tensor in use, got one whose memory has been freed. Return it from its scope(), pass it to keep(), or use it before dispose().]`,
    );
    const before = memoryInUse();
    for (let k = 0; k < 3; k++) {
      scope(() => w.mul(w).sum().backward());
      w.grad = null;
    }
    expect(memoryInUse()).toBe(before);
  });

  test("assigning a tensor takes a share of its memory and frees the old gradient", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    scope(() => {
      w.mul(w).sum().backward();
      w.grad = (w.grad as Tensor).mul(10);
    });
    expect(w.grad?.dataSync()).toEqual(Float32Array.of(20, 40));
    const own = tensor([7, 8]);
    const replaced = w.grad;
    w.grad = own;
    expect(() => replaced?.dataSync()).toThrow("whose memory has been freed");
    scope(() => w.mul(w).sum().backward());
    expect(w.grad?.dataSync()).toEqual(Float32Array.of(9, 12));
    expect(own.dataSync()).toEqual(Float32Array.of(7, 8));
    const before = memoryInUse();
    scope(() => {
      for (let k = 0; k < 3; k++) w.grad = tensor([k, k]);
    });
    expect(memoryInUse()).toBe(before);
  });

  test("stays the same tensor while it accumulates, whoever shares its memory", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    scope(() => w.mul(w).sum().backward());
    const gradient = w.grad;
    const shared = gradient?.detach();
    scope(() => w.mul(w).sum().backward());
    expect(w.grad).toBe(gradient);
    expect(gradient?.dataSync()).toEqual(Float32Array.of(4, 8));
    expect(shared?.dataSync()).toEqual(Float32Array.of(2, 4));
  });

  test("refuses another shape and what is no tensor", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    expect(() => {
      w.grad = tensor([1]);
    }).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Tensor(2).grad: expected a gradient of shape 2, got 1. Assign one of the tensor's own shape, or null to forget it.]`,
    );
    expect(() => Object.assign(w, { grad: [1, 2] })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: Tensor(2).grad: expected a tensor, got Array. Make one with tensor(values, shape).]`,
    );
  });
});

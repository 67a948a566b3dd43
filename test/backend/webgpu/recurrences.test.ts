import { test } from "vitest";
import { describeWebgpu } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

describeWebgpu("recurrences", (twins) => {
  test.each([
    [false, false],
    [true, true],
  ])("LSTM and GRU, reversed: %s, masked: %s", async (isReversed, isMasked) => {
    const t = twins();
    const [steps, rows, width] = [4, 3, 5];
    const recurrence = { steps, rows, width, isReversed };
    const size = rows * width;
    const mask = isMasked ? t.of(Float32Array.from({ length: steps * rows }, (_, i) => (i % 3 === 1 ? 0 : 1))) : null;
    const [hidden, cell] = [t.of(normalValues(size, 1)), t.of(normalValues(size, 2))];
    for (const gates of [4, 3]) {
      const [weight, bias] = [t.of(normalValues(gates * width * width, 3)), t.of(normalValues(gates * width, 4))];
      const inputs = t.of(normalValues(steps * gates * size, 5));
      const planes = gates === 4 ? 2 : 1;
      const [states, activated] = [t.output(planes * steps * size), t.output(steps * 4 * size)];
      const dstates = t.of(normalValues(planes * steps * size, 6));
      const [dgates, dinner] = [t.output(steps * gates * size), t.output(steps * gates * size)];
      const [dhidden, dcell] = [t.output(size), t.output(size)];
      t.call((backend, block) => {
        const shared = { weight: block(weight), mask: block(mask), hidden: block(hidden) };
        const input = { ...shared, gates: block(inputs), bias: block(bias) };
        const saved = { ...shared, activated: block(activated), states: block(states) };
        if (gates === 4) {
          backend.lstm(input, block(cell), block(states), block(activated), recurrence);
          const outputs = [block(dgates), block(dhidden), block(dcell)] as const;
          backend.lstmGradient(saved, block(cell), block(dstates), ...outputs, recurrence);
        } else {
          backend.gru(input, block(states), block(activated), recurrence);
          const outputs = [block(dgates), block(dinner), block(dhidden)] as const;
          backend.gruGradient(saved, block(dstates), ...outputs, recurrence);
        }
      });
      const outputs = [states, activated, dgates, dhidden, ...(gates === 4 ? [dcell] : [dinner])];
      for (const twin of outputs) await t.expectClose(twin, 1e-6);
    }
  });
});

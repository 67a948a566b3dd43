import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { eventRecord, firstEventRecord, fit, Linear, Sequential, Sgd, tensor } from "evenkeel";
import { tensorboardLog } from "evenkeel/node";
import { expect, test } from "vitest";
import { crc32c, maskedCrc32c } from "../../src/formats/tensorboard/crc32c.js";
import { eventsIn } from "../support/tensorboard-events.js";

test("CRC-32C has the values of RFC 3720, appendix B.4, and of the check string", () => {
  const bytes = (map: (i: number) => number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => map(i));
  expect(crc32c(bytes(() => 0))).toBe(0x8a9136aa);
  expect(crc32c(bytes(() => 0xff))).toBe(0x62a8ab43);
  expect(crc32c(bytes((i) => i))).toBe(0x46dd794e);
  expect(crc32c(bytes((i) => 31 - i))).toBe(0x113fdb5c);
  expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  // The mask can be undone, as readers do.
  const masked = maskedCrc32c(bytes(() => 0));
  const turned = (masked - 0xa282ead8) >>> 0;
  expect(((turned >>> 17) | (turned << 15)) >>> 0).toBe(0x8a9136aa);
});

test("events are messages of the schema in TFRecord frames", () => {
  const first = firstEventRecord(1.5);
  const second = eventRecord({ step: 300, wallTime: 2.25, scalars: { "train/loss": 0.5, none: null, größe: -2 } });
  expect(eventsIn(new Uint8Array([...first, ...second]))).toEqual([
    { wallTime: 1.5, step: 0, fileVersion: "brain.Event:2", scalars: {} },
    { wallTime: 2.25, step: 300, fileVersion: null, scalars: { "train/loss": 0.5, größe: -2 } },
  ]);
  const far = eventRecord({ step: 2 ** 40 + 5, wallTime: 0, scalars: {} });
  expect(eventsIn(far)[0].step).toBe(2 ** 40 + 5);
  expect(() => eventRecord({ step: -1, wallTime: 0, scalars: {} })).toThrowErrorMatchingInlineSnapshot(
    `[ArgumentError: eventRecord({ step, wallTime, scalars }): expected step as a whole number of at least 0, got -1. Count steps from 0.]`,
  );
});

test("a training writes its steps and epochs", async () => {
  const folder = mkdtempSync(join(tmpdir(), "events-"));
  try {
    const log = tensorboardLog(folder);
    const model = new Sequential(new Linear(2, 2));
    const data = [1, 2, 3].map((k) => ({ inputs: tensor([[k, 1]]), targets: [k % 2] }));
    const { onStep, onEpoch } = log;
    const optimizer = new Sgd(model.parameters(), { lr: 0.25 });
    const { epochs } = await fit(model, data, { epochs: 2, optimizer, validation: data, onStep, onEpoch });
    log.add(7, { mine: 1 });
    log.close();
    expect(basename(log.path)).toMatch(/^events\.out\.tfevents\.\d+\.evenkeel$/);
    const events = eventsIn(readFileSync(log.path));
    expect(events.map(({ step }) => step)).toEqual([0, 0, 1, 2, 2, 3, 4, 5, 5, 7]);
    expect(Object.keys(events[1].scalars)).toEqual(["train/loss", "train/accuracy", "train/gradient_norm", "lr"]);
    expect(events[1].scalars["lr"]).toBe(0.25);
    expect(events[8].scalars["validation/loss"]).toBe(Math.fround(epochs[1].validation?.loss ?? 0));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

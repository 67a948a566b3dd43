import { activations } from "./activations/activations.js";
import type { Part } from "./part.js";
import { sideBySide } from "./side-by-side/side-by-side.js";
import { stepByStep } from "./step-by-step/step-by-step.js";
import { trainAndTest } from "./train-and-test/train-and-test.js";

/** The parts of the page, in their order. */
export const parts: readonly Part[] = [sideBySide, activations, trainAndTest, stepByStep];

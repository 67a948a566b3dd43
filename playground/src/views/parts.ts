import { activations } from "./activations/activations.js";
import { digits } from "./digits/digits.js";
import type { Part } from "./part.js";
import { share } from "./share/share.js";
import { sideBySide } from "./side-by-side/side-by-side.js";
import { stepByStep } from "./step-by-step/step-by-step.js";
import { trainAndTest } from "./train-and-test/train-and-test.js";

/** The parts of the page, in their order. */
export const parts: readonly Part[] = [sideBySide, digits, activations, trainAndTest, stepByStep, share];

import { activations } from "./activations/activations.js";
import { digits } from "./digits/digits.js";
import { linear } from "./linear/linear.js";
import { parameters } from "./parameters/parameters.js";
import type { Part } from "./part.js";
import { repair } from "./repair/repair.js";
import { share } from "./share/share.js";
import { shares } from "./shares/shares.js";
import { sideBySide } from "./side-by-side/side-by-side.js";
import { stepByStep } from "./step-by-step/step-by-step.js";
import { trainAndTest } from "./train-and-test/train-and-test.js";

/** The parts of the page, in their order. */
export const parts: readonly Part[] = [
  ...[sideBySide, digits, activations, shares, parameters],
  ...[trainAndTest, linear, repair, stepByStep, share],
];

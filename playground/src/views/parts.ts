import type { Part } from "./part.js";
import { sideBySide } from "./side-by-side.js";
import { stepByStep } from "./step-by-step.js";

/** The parts of the page, in their order. */
export const parts: readonly Part[] = [sideBySide, stepByStep];

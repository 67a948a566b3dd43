import { activations } from "./activations/activations.js";
import type { Part } from "./part.js";
import { sideBySide } from "./side-by-side/side-by-side.js";

/** The parts of the page, in their order. */
export const parts: readonly Part[] = [sideBySide, activations];

// What the words say that winogradPackWeights and winogradPackColumns leave before the packed weights, one for each
// filter: 0, safe for Winograd's method (winograd/safety.ts), or one of these.

/** A filter that is summed plainly. */
export const unsafeKind: i32 = 1;
/** One some of whose weights are NaN or ∞. */
export const notFiniteKind: i32 = 2;

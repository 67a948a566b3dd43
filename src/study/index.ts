/**
 * The claims of papers on normalisation, measured: experiments over paired seeds, and verdicts by a rule that was fixed before.
 *
 * @module
 */
export { bootstrapMean, type Estimate } from "./bootstrap.js";
export { type Conclusion, judge, type Rule, type Verdict } from "./verdict.js";

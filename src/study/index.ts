/**
 * The claims of papers on normalisation, measured: experiments over paired seeds, and verdicts by a rule that was fixed
 * before.
 *
 * @module evenkeel/study
 */
export { bootstrapMean, type Estimate } from "./bootstrap.js";
export type {
  Budget,
  Comparison,
  Experiment,
  Measures,
  Question,
  Source,
  StudyData,
  TrialContext,
  Trials,
} from "./experiment.js";
export { chooseExperiments, experiments } from "./experiments/index.js";
export type { BarFigure, Curve, CurveFigure, FigureAxis, StudyFigure } from "./figure.js";
export { Results } from "./results.js";
export {
  type Answer,
  type Finding,
  runStudy,
  type StudyOptions,
  type StudyProgress,
  studySeconds,
  type Trial,
  type TrialStore,
} from "./run-study.js";
export { type Conclusion, judge, type Rule, type Verdict } from "./verdict.js";

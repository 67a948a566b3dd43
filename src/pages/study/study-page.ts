import type { Budget } from "../../study/experiment.js";
import type { Answer, Finding } from "../../study/run-study.js";
import type { Verdict } from "../../study/verdict.js";
import type { Block, Note, Page, PageTable, Section } from "../page.js";
import { describeAnswer, formatRange, formatRounded } from "./describe-answer.js";
import { drawn } from "./figures.js";

/** What is known of a study. */
export interface StudyReport {
  /** What it was made on. */
  readonly data: string;
  readonly budget: Budget;
  readonly findings: readonly Finding[];
  /** How it came to be: versions, date, machine. */
  readonly origin: string;
}

/** The page of a study: what was asked, how it was measured, and what came out. */
export function studyPage({ data, budget, findings, origin }: StudyReport): Page {
  return {
    title: "Claims on normalisation, measured",
    lead: `${findings.length} ${findings.length === 1 ? "experiment" : "experiments"} over paired seeds, budget ${budget}, on ${data}.`,
    sections: [
      { title: "Verdicts", content: [summary(findings), rule] },
      ...findings.map((finding) => experimentSection(finding)),
    ],
    origin,
  };
}

const rule: Block = {
  kind: "fold",
  summary: "How verdicts are reached",
  content: [
    {
      kind: "prose",
      text:
        "The rule stood in the code before the results. Each seed gives one effect, since it runs every condition with the same images, initial weights and order. Of their " +
        "mean, a bootstrap 95 % interval is taken, widened for few seeds, and compared with the smallest effect of interest. A claimed effect is reproduced if the whole interval is at least that large, and not " +
        "reproduced if the whole interval is smaller. A claim that something stays constant is reproduced if the whole interval lies within ± that bound, and not reproduced if all of it lies outside. " +
        "Otherwise the verdict is unclear: more seeds would be needed. Verdicts are not corrected for their number.",
    },
  ],
};

function summary(findings: readonly Finding[]): PageTable {
  return {
    kind: "table",
    caption: "What was claimed, and what was found",
    columns: ["experiment", "verdict", "claim", "effect", "95 % interval", "unit", "seeds"],
    rows: findings.flatMap(({ experiment, answers }) =>
      answers.map(({ question: { claim, unit }, verdict, mean, interval, effects }) => [
        experiment.name,
        verdict,
        claim,
        formatRounded(mean),
        interval === null ? "–" : formatRange(interval),
        unit,
        effects.length,
      ]),
    ),
  };
}

function experimentSection({ experiment, results, answers }: Finding): Section {
  const { title, sources, hypothesis, method } = experiment;
  const comparisons = experiment.comparisons(results);
  const compared: PageTable = {
    kind: "table",
    caption: "Published figures beside ours",
    columns: ["what", "published", "here, mean over seeds"],
    rows: comparisons.map(({ what, published, ours }) => [what, published, formatRounded(ours)]),
  };
  return {
    title,
    content: [
      { kind: "prose", text: [{ strong: "Hypothesis. " }, hypothesis] },
      { kind: "prose", text: [{ strong: "Method. " }, method] },
      { kind: "prose", text: [{ strong: "After " }, ...separated(sources)] },
      ...answers.map(note),
      ...experiment.figures(results).map(drawn),
      ...(comparisons.length > 0 ? [compared] : []),
      { kind: "fold", summary: "The effect in each seed", content: [effectsTable(results.seeds, answers)] },
    ],
  };
}

function separated(sources: Finding["experiment"]["sources"]): (string | Finding["experiment"]["sources"][number])[] {
  return sources.flatMap((source, k) => [k === 0 ? "" : "; ", source]);
}

const tones: Readonly<Record<Verdict, Note["tone"]>> = {
  reproduced: "good",
  "not reproduced": "bad",
  unclear: "neutral",
};

function note(answer: Answer): Note {
  const { verdict, question } = answer;
  return { kind: "note", tone: tones[verdict], word: verdict, text: `${question.claim} ${describeAnswer(answer)}` };
}

function effectsTable(seeds: readonly number[], answers: readonly Answer[]): PageTable {
  return {
    kind: "table",
    caption: "Effects by seed, in their units",
    columns: ["claim", ...seeds.map((seed) => `seed ${seed}`)],
    rows: answers.map(({ question: { claim }, effects }) => [claim, ...effects]),
  };
}

import { Controls } from "./controls.js";
import type { Run } from "./run.js";
import type { Part } from "./views/part.js";
import { parts } from "./views/parts.js";
import { Scenes } from "./views/scenes/scenes.js";

/** The page: what it is about, the controls, and its parts one under another. */
export function App({ run }: { readonly run: Run }) {
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to the networks
      </button>
      <header>
        <h1>Watch normalisation work</h1>
        <p class="lead">
          Two neural networks train in your browser. <b>Normalisation</b> gives the inputs of each layer mean 0 and
          standard deviation 1. Choose a scene:
        </p>
        <Scenes run={run} />
      </header>
      <section class="bar" aria-label="Training">
        <Controls run={run} />
      </section>
      <main>
        <Problems run={run} />
        {parts.map((part, k) => (
          <Section key={part.id} number={k + 1} part={part} run={run} />
        ))}
      </main>
      <footer>
        <p>{threadsOf(run)}</p>
      </footer>
    </>
  );
}

function Section({
  number,
  part: { id, title, text, formula, source, View, viewFirst = false },
  run,
}: {
  readonly number: number;
  readonly part: Part;
  readonly run: Run;
}) {
  return (
    <section id={id} aria-labelledby={`${id}-title`} tabIndex={-1}>
      <h2 id={`${id}-title`}>
        {number} · {title}
      </h2>
      {viewFirst && <View run={run} />}
      <div class="about">
        <div class="text">{text}</div>
        <div class="aside">
          <p class="formula">{formula}</p>
          <p class="source">{source}</p>
        </div>
      </div>
      {!viewFirst && <View run={run} />}
    </section>
  );
}

/** What went wrong, where it can be seen. */
function Problems({ run }: { readonly run: Run }) {
  const failure = run.failure.value;
  const problems = [...run.problems.value, ...(failure === null ? [] : [failure])];
  return (
    <div role="status">
      {problems.map((problem) => (
        <p key={problem} class="note bad">
          {problem}
        </p>
      ))}
    </div>
  );
}

/** The address holds the settings, so that what leads to a part is no link. */
function skip(): void {
  document.getElementById("side-by-side")?.focus();
}

function threadsOf(run: Run): string {
  const threads = run.threads.value;
  if (threads === null) return "";
  return threads.count > 1 ? `Computing on ${threads.count} threads.` : "Computing on one thread.";
}

import { networksOf } from "../../networks-of.js";
import type { Run } from "../../run.js";
import { Decision } from "../../ui/decision.js";
import { formatPercent } from "../../ui/format-value.js";
import { adviceFor, hasSmallBatches, normWords, samplesWord } from "../../words.js";
import { DigitSheet } from "../digits/digit-sheet.js";

/** One network: what it makes of the plane, how many new samples it gets right, and what the library says. */
export function NetworkCard({ run, which }: { readonly run: Run; readonly which: 0 | 1 }) {
  const settings = networksOf(run.settings.value.experiment)[which];
  const name = which === 0 ? "A" : "B";
  const network = run.snapshot.value?.networks[which];
  const data = run.data.value;
  const accuracy = network?.curves.testAccuracy.at(-1);
  const right = accuracy === undefined ? "" : formatPercent(accuracy);
  const title = settings.norm === "none" ? "without normalisation" : `with ${normWords[settings.norm]}`;
  return (
    <article class={`card tone-${name.toLowerCase()}`} aria-label={`Network ${name}`}>
      <h3>
        <span class="badge">{name}</span> {title}
      </h3>
      {data !== null && data.shape.length === 1 && (
        <Decision
          label={`The plane as network ${name} divides it; ${right} of new points right`}
          decision={network?.decision ?? null}
          samples={data.train}
        />
      )}
      {data !== null && data.shape.length > 1 && <DigitSheet run={run} which={which} />}
      <p class="right">
        <b>{right || "–"}</b> of new {samplesWord(run.settings.value.experiment.data)} right
      </p>
      <Messages
        advice={adviceFor(settings)}
        error={network?.error ?? null}
        warning={hasSmallBatches(settings) ? null : (network?.warning ?? null)}
      />
    </article>
  );
}

/** What will go wrong, and the library's own words where it has. */
function Messages({
  advice,
  error,
  warning,
}: {
  readonly advice: readonly string[];
  readonly error: string | null;
  readonly warning: string | null;
}) {
  return (
    <div class="messages" role="status">
      {advice.map((text) => (
        <p key={text} class="note">
          {text}
        </p>
      ))}
      {error !== null && (
        <p class="note bad">
          <strong>Stopped.</strong> The library says: <q>{error}</q>
        </p>
      )}
      {error === null && warning !== null && (
        <p class="note">
          <strong>Warning.</strong> The library says: <q>{warning}</q>
        </p>
      )}
    </div>
  );
}

import { useSignal } from "@preact/signals";
import type { Run } from "../../run.js";
import { formatHundredths, formatPercent } from "../../ui/format-value.js";
import { FirstStep } from "../first-step.js";
import type { Part } from "../part.js";
import { placeOf, rememberingOf } from "../place.js";

/** What spoils running statistics, and what renews them. */
export const repair: Part = {
  id: "repair",
  title: "A bad batch, and a cure",
  text: (
    <p>
      Running statistics are the only part of a network that no gradient corrects. A batch with NaN would make them NaN
      for good, and an average that is too slow describes earlier weights. The layer skips such a batch, and{" "}
      <b>recalibrate</b> replaces the average: it computes mean and variance over all training samples, with the weights
      as they are.
    </p>
  ),
  formula: <>running mean = Σ x / n{"\u2003"}over all n samples</>,
  source: (
    <>
      Wu &amp; Johnson 2021, <a href="https://arxiv.org/abs/2105.07576">arXiv:2105.07576</a>, §3: precise batch norm.
    </>
  ),
  View: Repair,
};

function Repair({ run }: { readonly run: Run }) {
  const said = useSignal<{ readonly bad: string; readonly renewed: string }>({ bad: "", renewed: "" });
  const place = placeOf(run, rememberingOf(run));
  if (place === null) return <p class="note">Neither network has batch norm. Choose it in the settings above.</p>;
  const { network } = place;
  if ((run.snapshot.value?.networks[network].layers.length ?? 0) === 0)
    return <FirstStep run={run} networks={[network]} />;
  const name = "AB"[network];
  const spoil = async (): Promise<string> => {
    const found = await run.ask("badBatch", network);
    if (found === null) return "";
    const [before, after] = found.skipped;
    const kept = found.unchanged ? "stayed as they were, to the bit" : "changed";
    return (
      `The running statistics of ${name}’s first norm ${kept}: its first running mean is ${formatHundredths(found.mean)}, where ` +
      `the plain rule gives ${found.plain}. Batches skipped: ${after} (before: ${before}).`
    );
  };
  const renew = async (): Promise<string> => {
    const found = await run.ask("renewStatistics", network);
    if (found === null) return "";
    return (
      `${name} was right on ${formatPercent(found.before)} of new samples with its old running statistics and is on ` +
      `${formatPercent(found.after)} with the new ones.`
    );
  };
  const say = (which: "bad" | "renewed", work: Promise<string>): void => {
    const tell = (text: string): void => {
      said.value = { ...said.value, [which]: text };
    };
    work.then(tell, (error: Error) => tell(`The library says: ${error.message}`));
  };
  return (
    <div class="repair">
      <p>
        <button type="button" onClick={() => say("bad", spoil())}>
          Feed {name} a batch with a NaN
        </button>
      </p>
      <p role="status">{said.value.bad}</p>
      <p>
        <button type="button" onClick={() => say("renewed", renew())}>
          Recalibrate {name}
        </button>
      </p>
      <p role="status">{said.value.renewed}</p>
    </div>
  );
}

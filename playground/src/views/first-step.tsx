import type { Run } from "../run.js";

/** What a part says that has nothing to show until there is a first step. */
export function FirstStep({ run, networks }: { readonly run: Run; readonly networks: readonly (0 | 1)[] }) {
  const isRefused = networks.every((network) => (run.snapshot.value?.networks[network].error ?? null) !== null);
  return isRefused ? (
    <p class="note">
      There is nothing to see here: training stopped before its first step, and the library says above why.
    </p>
  ) : (
    <p class="note">
      Press <b>Train</b> or <b>Step</b>: the first step fills this part.
    </p>
  );
}

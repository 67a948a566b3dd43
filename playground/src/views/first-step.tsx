import type { Run } from "../run.js";

/** What a part says that has nothing to show until there is a first step. */
export function FirstStep({ run, networks }: { readonly run: Run; readonly networks: readonly (0 | 1)[] }) {
  const isRefused = networks.every((network) => (run.snapshot.value?.networks[network].error ?? null) !== null);
  return isRefused ? (
    <p class="note">Nothing to show: training stopped before its first step. The message of the library is above.</p>
  ) : (
    <p class="note">
      Press <b>Train</b> or <b>Step</b>: the first step fills this part.
    </p>
  );
}

import { type Communicator, markOf } from "../communicator.js";
import { ArgumentError } from "../errors.js";
import { version } from "../version.js";

/** Settings by the names that their owner knows them by. */
type Settings = Readonly<Record<string, unknown>>;

/**
 * Compares digests of what every rank was given, which must survive JSON: only that of rank 0 is used.
 *
 * @param what - what messages call them, such as `flags`
 * @throws ArgumentError on every rank, naming the settings and the ranks where they are not those of rank 0
 */
export function checkSameOnRanks(communicator: Communicator, what: string, settings: Settings): void {
  const { size } = communicator;
  if (size === 1) return;
  const names = Object.keys(settings).toSorted();
  // Ranks that know other settings would exchange another number of digests.
  const known = communicator.allGather(Float64Array.of(markOf([version, ...names].join())), `names of the ${what}`);
  const strangers = othersThan(known);
  if (strangers.length > 0) throw differing(what, [["the version of Evenkeel", strangers]]);
  const mine = Float64Array.from(names, (name) => markOf(JSON.stringify(settings[name]) ?? ""));
  const all = communicator.allGather(mine, `the ${what}`);
  const different = names.flatMap((name, k) => {
    const ranks = othersThan(Float64Array.from({ length: size }, (_, rank) => all[rank * names.length + k]));
    return ranks.length === 0 ? [] : [[name, ranks] as const];
  });
  if (different.length > 0) throw differing(what, different);
}

/** The ranks whose number is not that of rank 0. */
function othersThan(numbers: Float64Array): number[] {
  return [...numbers.keys()].filter((rank) => numbers[rank] !== numbers[0]);
}

function differing(what: string, different: readonly (readonly [name: string, ranks: readonly number[]])[]) {
  const list = different.map(([name, ranks]) => `${name} on rank ${ranks.join(", ")}`).join("; ");
  return new ArgumentError({
    where: "evenkeel train, under mpirun",
    expected: `the same ${what} on every rank as on rank 0`,
    received: `another value of ${list}`,
    cure: `Start every rank with the same ${what}.`,
  });
}

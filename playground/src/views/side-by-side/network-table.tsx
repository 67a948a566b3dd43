import type { Run } from "../../run.js";
import { type Experiment, type NetworkSettings, networkFields } from "../../settings.js";
import { Select } from "../../ui/select.js";
import { networkWords, type SettingWords } from "../../words.js";

type Name = keyof NetworkSettings;
const names = Object.keys(networkWords) as readonly Name[];

/** What network B has where it has what A has. */
const same = "same";

/** The settings of both networks, a row for each; where they differ is marked. */
export function NetworkTable({ run }: { readonly run: Run }) {
  const { experiment } = run.settings.value;
  return (
    <div class="settings">
      <div class="settings-row head" aria-hidden="true">
        <span />
        <b class="tone-a">A</b>
        <b class="tone-b">B</b>
      </div>
      {names.map((name) => (
        <Row key={name} name={name} experiment={experiment} run={run} />
      ))}
    </div>
  );
}

function Row({ name, experiment, run }: { readonly name: Name; readonly experiment: Experiment; readonly run: Run }) {
  const { a, b } = experiment;
  const words = networkWords[name];
  const [textA, textB] = [textOf(name, a[name]), Object.hasOwn(b, name) ? textOf(name, b[name]) : same];
  const differs = textB !== same && textB !== textA;
  return (
    <div class={`settings-row ${differs ? "differs" : ""}`}>
      <span class="settings-name" title={words.meaning}>
        {words.label}
      </span>
      <Select
        label={`${words.label} of A`}
        hideLabel
        options={optionsOf(name, words, textA)}
        value={textA}
        onChange={(text) => run.change({ a: { ...a, [name]: networkFields[name].parse(text) } })}
      />
      <Select
        label={`${words.label} of B`}
        hideLabel
        options={[[same, "same as A"], ...optionsOf(name, words, textB)]}
        value={textB}
        tone={differs ? "" : "quiet"}
        onChange={(text) => run.change({ b: withSetting(b, name, text) })}
      />
    </div>
  );
}

/** B with one setting of its own more, or less. */
function withSetting(b: Experiment["b"], name: Name, text: string): Experiment["b"] {
  const { [name]: _, ...others } = b;
  return text === same ? others : { ...others, [name]: networkFields[name].parse(text) };
}

function textOf(name: Name, value: NetworkSettings[Name] | undefined): string {
  return networkFields[name].format(value as never);
}

/** What may be chosen: the presets, and what the address has chosen besides. */
function optionsOf(name: Name, { presets, words }: SettingWords, chosen: string): [value: string, words: string][] {
  if (presets === undefined) return Object.entries(words ?? {});
  const isExtra = chosen !== same && !presets.includes(Number(chosen));
  const values = isExtra ? [...presets, Number(chosen)].sort((one, other) => one - other) : presets;
  return values.map((value) => [networkFields[name].format(value as never), String(value)]);
}

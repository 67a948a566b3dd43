import { Command, Option } from "commander";
import { type CommandName, commandList } from "../commands/command-list.js";
import { type Parser, text } from "./parsers.js";

/** The headings of `--help`, in their order. */
const groups = ["Data", "Model", "Training", "Output"] as const;

/** Under which heading of `--help` a flag stands. */
type Group = (typeof groups)[number];

/** A flag of the command line: one value, which every command that has it takes. */
export interface Flag<Name extends string = string, Value = unknown> {
  /** The property under which a command finds what was given: `batchSize` of `--batch-size`. */
  readonly name: Name;
  /** As `--help` shows it: `-o, --output <path>`. */
  readonly term: string;
  readonly group: Group;
  /** One line, which begins with a verb or a noun. */
  readonly help: string;
  /** Null: it takes nothing, and is true or false. */
  readonly parse: Parser<unknown> | null;
  /** Its value where it is not given. */
  readonly initial: Value;
  /** How `--help` calls that value, where it is not shown as it is, or depends on other things. */
  readonly initially: string | null;
  readonly isRequired: boolean;
  /** The option of the library that it sets, by which messages from below name it. */
  readonly option: string;
  /** Writes that option's value, as a message has it (`[0.7, 0.3]`), as the command line takes it (`0.7,0.3`). */
  readonly spell: (literal: string) => string;
}

/** `batchSize` of `--batch-size <n>`, `verify` of `--no-verify`. */
type NameOf<Term extends string> = Term extends `${string}--no-${infer Rest}`
  ? Camel<FirstWord<Rest>>
  : Term extends `${string}--${infer Rest}`
    ? Camel<FirstWord<Rest>>
    : never;
type FirstWord<Text extends string> = Text extends `${infer Word} ${string}` ? Word : Text;
type Camel<Text extends string> = Text extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Text;
/** What a flag without parser gives. */
type PlainOf<Term extends string> = Term extends `${string}--no-${string}`
  ? boolean
  : Term extends `${string}<${string}`
    ? string | undefined
    : boolean | undefined;

interface FlagParts {
  readonly group: Group;
  readonly help: string;
  readonly initially?: string;
  readonly option?: string;
  readonly spell?: (literal: string) => string;
}

/** What a command finds of some flags. */
export type FlagsOf<Flags extends readonly Flag[]> = {
  readonly [One in Flags[number] as One["name"]]: One extends Flag<string, infer Value> ? Value : never;
};

/** Makes a flag. @param term - as `--help` shows it */
export function flag<Term extends string, Value>(
  term: Term,
  parts: FlagParts & { readonly parse: Parser<Value> },
): Flag<NameOf<Term>, Value | undefined>;
export function flag<Term extends string>(term: Term, parts: FlagParts): Flag<NameOf<Term>, PlainOf<Term>>;
export function flag(term: string, parts: FlagParts & { readonly parse?: Parser<unknown> }): Flag {
  const name = new Option(term).attributeName();
  return {
    name,
    term,
    group: parts.group,
    help: parts.help,
    parse: parts.parse ?? (term.endsWith(">") ? text : null),
    initial: term.startsWith("--no-") ? true : undefined,
    initially: parts.initially ?? null,
    isRequired: false,
    option: parts.option ?? name,
    spell: parts.spell ?? spellPlain,
  };
}

/** The same flag, with a value where it is not given. @param initially - how `--help` calls it */
export function withDefault<Name extends string, Value>(
  one: Flag<Name, Value>,
  initial: NonNullable<Value>,
  initially = typeof initial === "object" ? null : String(initial),
): Flag<Name, NonNullable<Value>> {
  return { ...one, initial, initially };
}

/** The same flag, without which a command is misuse. */
export function required<Name extends string, Value>(one: Flag<Name, Value>): Flag<Name, NonNullable<Value>> {
  return { ...(one as Flag<Name, NonNullable<Value>>), isRequired: true };
}

/** Texts without quotes, lists with commas. */
function spellPlain(literal: string): string {
  const text = literal.replaceAll(/^\[|\]$|"/g, "").replaceAll(/, +/g, ",");
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text}"`;
}

/** A flag as commander takes it. */
export class FlagOption extends Option {
  readonly flag: Flag;

  constructor(one: Flag) {
    const { term, help, initially, parse, initial, group, isRequired } = one;
    super(term, initial === undefined && initially !== null ? `${help} (default: ${initially})` : help);
    this.flag = one;
    if (initial !== undefined) this.default(initial, initially ?? undefined);
    if (parse !== null) this.argParser((text: string, before: unknown) => parse(text, `${this.long}`, before));
    this.makeOptionMandatory(isRequired);
    this.helpGroup(`${group}:`);
  }
}

/** A command, as its file declares it. */
export interface CommandParts {
  /** What its own help says after the summary of {@link commandList}. */
  readonly details?: string;
  readonly flags: readonly Flag[];
  /** Command lines that serve most, shown at the end of `--help`. */
  readonly examples: readonly string[];
  /**
   * Loads what the command does, once a command line asks for it: help and misuse are answered without. It is given
   * arguments, flags and command, as commander hands them on.
   */
  readonly action: () => Promise<(...given: never[]) => void | Promise<void>>;
}

/** A command of the list without its flags, which are known once it is loaded. */
export function bareCommand(name: CommandName): Command {
  const { summary, takes } = commandList[name];
  const made = new Command(name).description(summary).helpOption("-h, --help", "show this help");
  for (const [argument, help] of takes) made.argument(argument, help);
  return made;
}

/** Makes a command of the list. */
export function command(name: CommandName, { details, flags, examples, action }: CommandParts): Command {
  const made = bareCommand(name);
  const summary = made.description();
  made.summary(summary).description(details === undefined ? summary : `${summary} ${details}`);
  for (const group of groups) {
    for (const one of flags) if (one.group === group) made.addOption(new FlagOption(one));
  }
  made.action(async (...given) => (await action())(...(given as never[])));
  return made.addHelpText("after", `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}`);
}

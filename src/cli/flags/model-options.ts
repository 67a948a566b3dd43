import { Command, Option } from "commander";
import { MissingNetworkError } from "../../errors.js";
import { networks } from "../../networks/networks.js";
import { loadRun, type Run } from "../../node/load-run.js";
import { count } from "./options.js";

/** `--model` of the commands that build a network. */
export function networkOption(): Option {
  const names = Object.keys(networks).join(", ");
  return new Option(
    "--model <name|file>",
    `which network: ${names}, or a module such as ./net.js (default: cnn for images, else mlp)`,
  );
}

/** The flags of every command that uses a trained model. */
export interface ModelFlags {
  readonly model?: string;
  readonly batchSize: number;
  readonly json?: boolean;
}

/** What a command says of its first argument. */
export const runHelp = "a run's folder, or a .safetensors file";

/** A command whose first argument is a trained model, which goes through it some samples at a time. */
export function modelCommand(name: string, description: string, model = runHelp): Command {
  return bareModelCommand(name, description, model).option(
    "--batch-size <n>",
    "samples at a time, which bounds memory",
    count("--batch-size"),
    256,
  );
}

/** A command whose first argument is a trained model. */
export function bareModelCommand(name: string, description: string, model = runHelp): Command {
  return new Command(name)
    .description(description)
    .argument("<run>", model)
    .option(
      "--model <name|file>",
      "the network, where the file does not hold it: a name, or a module such as ./net.js, whose code runs",
    )
    .option("--json", "print JSON");
}

/** The model that a command line names. @throws MissingNetworkError naming --model where the file does not hold its network */
export async function openModel(run: string, { model }: Pick<ModelFlags, "model">): Promise<Run> {
  try {
    return await loadRun(run, model === undefined ? {} : { network: model });
  } catch (cause) {
    if (!(cause instanceof MissingNetworkError)) throw cause;
    const { where, expected, received } = cause;
    const cure = "Name the module that builds it, if you trust it: --model ./net.js.";
    throw new MissingNetworkError({ where, expected, received, cure }, { cause });
  }
}

import { flag, withDefault } from "./flag.js";
import { count } from "./parsers.js";

const group = "Model";

export const model = flag("--model <name|file>", {
  group,
  help: "network, where the file holds none: a name, or a module to run, such as ./net.js",
  option: "network",
});
/** For a network that is yet to be trained. */
export const newModel = {
  ...model,
  help: "network: a name, or a module such as ./net.js",
  initially: "cnn for images, else mlp",
};
export const batchSize = flag("--batch-size <n>", { group, help: "samples at a time", parse: count() });
/** For a pass over data without gradients. */
export const evaluationBatchSize = withDefault({ ...batchSize, help: "samples at a time, which bounds memory" }, 256);

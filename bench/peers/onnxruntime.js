// onnxruntime-web on WebAssembly, with its own optimisation of graphs on (it folds batch norms).
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web/wasm";
import { digest, SEED, sizeOf, UNIT, uniform } from "./data.js";
import { serve } from "./serve.js";

const threads = Number(process.argv[2] ?? 1);
ort.env.wasm.numThreads = threads;

async function inference({ files, name, batch, input }) {
  const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(`${files}/${name}.onnx`)));
  const values = uniform(batch * sizeOf(input), SEED.x, UNIT);
  const run = async () => {
    const { output } = await session.run({ input: new ort.Tensor("float32", values, [batch, ...input]) });
    return output.data;
  };
  return { run, check: async () => [digest(await run())], dispose: () => void session.release() };
}

await serve({ version: ort.env.versions.web, threads }, { inference });

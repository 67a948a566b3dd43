import { useSignal } from "@preact/signals";
import type { Run } from "../../run.js";
import type { Part } from "../part.js";

/** What a saved run is called. */
const runName = "evenkeel-run.json";

/** The last part: the run as an address, a file and a picture. */
export const share: Part = {
  id: "share",
  title: "Keep it and pass it on",
  text: (
    <>
      <p>
        The address of this page holds all settings. Whoever opens it sees the same data, the same networks and the same
        training, bit for bit on any CPU, because all random numbers follow from the seed.
      </p>
      <p>
        The file holds settings, seed, data, curves and both networks as they are now.{" "}
        <code>npx evenkeel doctor {runName}</code> examines it, and <code>loadModel</code> reads its models.
      </p>
    </>
  ),
  formula: <>equal settings + equal seed = equal bits</>,
  source: (
    <>
      Kernels sum in an order that depends on shapes alone, in every browser and in Node. Models are{" "}
      <a href="https://github.com/huggingface/safetensors">safetensors</a> in base64.
    </>
  ),
  View: ({ run }) => {
    const said = useSignal("");
    const tell = (work: Promise<string>): void => {
      work.then(
        (text) => {
          said.value = text;
        },
        (error: Error) => {
          said.value = `That did not work: ${error.message}`;
        },
      );
    };
    return (
      <div class="share">
        <button type="button" onClick={() => tell(copyAddress())}>
          Copy the address
        </button>
        <button type="button" onClick={() => tell(saveRun(run))}>
          Save the run as JSON
        </button>
        <button type="button" onClick={() => tell(savePicture(run))}>
          Save a picture as PNG
        </button>
        <p role="status">{said.value}</p>
      </div>
    );
  },
};

async function copyAddress(): Promise<string> {
  await navigator.clipboard.writeText(location.href);
  return "The address is copied.";
}

async function saveRun(run: Run): Promise<string> {
  const text = JSON.stringify(await run.ask("run"));
  save(new Blob([text], { type: "application/json" }), runName);
  return `The run is saved as ${runName}.`;
}

async function savePicture(run: Run): Promise<string> {
  const { drawPicture } = await import("./draw-picture.js");
  const picture = await drawPicture(run);
  if (picture === null) throw new Error("this browser could not draw it.");
  save(picture, "evenkeel-run.png");
  return "The picture is saved as evenkeel-run.png.";
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken it up by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

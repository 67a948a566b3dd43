import type { Run } from "../../run.js";
import { sharedFields } from "../../settings.js";
import { Select } from "../../ui/select.js";
import { deviceWords } from "../../words.js";
import type { DeviceReport } from "../../worker/messages.js";

/** What takes the steps of both networks, and what really does. */
export function DevicePicker({ run }: { readonly run: Run }) {
  const report = run.device.value;
  const { names, parse, initial } = sharedFields.device;
  return (
    <div class="device">
      <Select
        label="Train on"
        options={names.map((name) => [name, deviceWords[name]] as const)}
        value={run.settings.value.experiment.device}
        onChange={(name) => run.change({ device: parse(name) ?? initial })}
      />
      <p class="device-line" role="status">
        {report !== null && lineOf(report)}
      </p>
    </div>
  );
}

function lineOf({ device, name, isSoftware, reason }: DeviceReport): string {
  if (reason !== null) return `Training on the CPU: no GPU can be used here (${reason}).`;
  if (device === "wasm") return "Training on the CPU.";
  if (isSoftware) return `Training on ${name}: the CPU emulates a GPU, which is slower than WebAssembly.`;
  return `Training on the GPU ${name}.`;
}

import { BackendError, MissingPackageError } from "../../errors.js";
import type { Gpu, GpuAdapter, GpuDevice } from "./gpu.js";

/** How {@link webgpu} finds its device. */
export interface WebgpuOptions {
  /** A `GPUDevice` that the program has already; by default one is asked for, with all limits that its adapter has. */
  readonly device?: object;
  /** Of a machine with several GPUs: the fast one or the frugal one. Default: the browser chooses. */
  readonly powerPreference?: "high-performance" | "low-power";
}

/** What a device is called, and whether it is one. */
export interface DeviceDescription {
  /** As the driver names it, for instance `nvidia ampere`. */
  readonly name: string;
  /** Whether the CPU only imitates a GPU. */
  readonly isSoftware: boolean;
}

/** Collected, Dawn's instance takes its devices with it, and the next call ends the process. */
let instance: Gpu | null = null;

const limits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
] as const;

/** `navigator.gpu`, or in Node that of the package `webgpu`. */
async function gpuHere(where: string): Promise<Gpu> {
  if (instance !== null) return instance;
  const ofBrowser = (globalThis.navigator as { readonly gpu?: Gpu } | undefined)?.gpu;
  if (ofBrowser !== undefined) {
    instance = ofBrowser;
  } else if (typeof globalThis.process?.versions?.node === "string") {
    instance = await dawn(where);
  } else {
    throw new BackendError({
      where,
      expected: "a browser with WebGPU, on a page that https or localhost serves",
      received: "no navigator.gpu",
      cure: 'Use another browser, or setBackend("wasm").',
    });
  }
  return instance;
}

/** Dawn in Node. */
async function dawn(where: string): Promise<Gpu> {
  // Not a literal: bundlers for browsers would look for it.
  const name = "webgpu";
  let loaded: { create(options: readonly string[]): Gpu };
  try {
    loaded = (await import(/* @vite-ignore */ name)) as typeof loaded;
  } catch (cause) {
    throw new MissingPackageError({ where, package: name, purpose: "to reach the GPU from Node" }, { cause });
  }
  return loaded.create([]);
}

/** A device with what the adapter has to give, and what it is. */
export async function openDevice(
  where: string,
  { device, powerPreference }: WebgpuOptions,
): Promise<{ device: GpuDevice; description: DeviceDescription }> {
  if (device !== undefined) {
    return { device: device as GpuDevice, description: { name: "the program's own device", isSoftware: false } };
  }
  const gpu = await gpuHere(where);
  const adapter = await gpu.requestAdapter(powerPreference === undefined ? {} : { powerPreference });
  if (adapter === null) {
    throw new BackendError({
      where,
      expected: "a GPU whose driver WebGPU can use",
      received: "no adapter",
      cure: 'Install the driver of the GPU (on Linux with its Vulkan part), or use setBackend("wasm").',
    });
  }
  const has = adapter.limits as Record<string, number>;
  const requiredLimits = Object.fromEntries(limits.map((name) => [name, has[name]]));
  const requiredFeatures = adapter.features.has("timestamp-query") ? ["timestamp-query"] : [];
  const made = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  return { device: made, description: describe(adapter) };
}

function describe({ info }: GpuAdapter): DeviceDescription {
  const { vendor, architecture, description } = info;
  const name = [vendor, architecture].filter((part) => part !== "").join(" ") || description || "an unnamed GPU";
  const isSoftware = info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe/i.test(`${name} ${description}`);
  return { name, isSoftware };
}

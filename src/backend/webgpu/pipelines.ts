import { BackendError } from "../../errors.js";
import { computeStage, type GpuBindGroupLayout, type GpuDevice, type GpuPipeline } from "./gpu.js";
import { libraries } from "./shaders.generated.js";

/** One kernel of wgsl/, as the build step describes it. */
export interface KernelSource {
  readonly name: string;
  readonly bindings: readonly {
    readonly name: string;
    readonly type: string;
    readonly writes: boolean;
    readonly optional: boolean;
  }[];
  /** Fields of its parameters, u32. */
  readonly ints: readonly string[];
  /** Fields of its parameters, f32, behind the u32. */
  readonly floats: readonly string[];
  readonly constants: readonly string[];
  /** The libraries it needs. */
  readonly uses: readonly string[];
  readonly code: string;
}

/** What is baked into a kernel: numbers, switches, and names of functions. */
export type Constant = number | boolean | string;

/** Bytes from the parameters of one dispatch to those of the next: the largest alignment that a device may ask for. */
export const parameterBytes = 256;

/** A pipeline and what its bind groups look like. */
export interface Compiled {
  readonly pipeline: GpuPipeline;
  readonly layout: GpuBindGroupLayout;
  /** Names the layout: pipelines of the same one share bind groups. */
  readonly layoutKey: string;
  /** The kernel's bindings that are bound: those that are absent or stand for another are left out. */
  readonly bound: readonly number[];
}

/**
 * The source of a kernel: its bindings, parameters (`p`), constants and libraries before it, its entry point behind
 * it. `aliases[i]` is the binding for which binding i stands, or −1: an input over which the kernel writes is the
 * output itself, since WebGPU refuses to bind one buffer both ways.
 */
function sourceOf(
  kernel: KernelSource,
  constants: Readonly<Record<string, Constant>>,
  present: readonly boolean[],
  aliases: readonly number[],
): string {
  const { bindings, ints, floats } = kernel;
  let own = kernel.code;
  const lines: string[] = [];
  let slot = 1;
  for (const [i, { name, type, writes, optional }] of bindings.entries()) {
    if (optional) lines.push(`const HAS_${name} = ${present[i]};`);
    if (aliases[i] >= 0) {
      own = own.replaceAll(new RegExp(`\\b${name}\\b`, "g"), bindings[aliases[i]].name);
    } else if (!present[i]) {
      // Never used, but named by code that the compiler leaves out.
      lines.push(`var<private> ${name}: array<${type}, 4>;`);
    } else {
      const access = writes ? "read_write" : "read";
      lines.push(`@group(0) @binding(${slot++}) var<storage, ${access}> ${name}: array<${type}>;`);
    }
  }
  const fields = [...ints.map((name) => `${name}: u32`), ...floats.map((name) => `${name}: f32`)];
  lines.push(`struct Parameters { zero: u32, groups: u32, ${fields.join(", ")} }`);
  lines.push("@group(0) @binding(0) var<uniform> p: Parameters;");
  const size = constants["SIZE"] ?? 256;
  lines.push(`const SIZE = ${size};`);
  let body = [...new Set(["bits", ...kernel.uses])].map((library) => libraries[library]).join("\n");
  for (const name of kernel.constants) {
    const value = constants[name];
    if (typeof value === "string") {
      body = body.replaceAll(new RegExp(`\\b${name}\\b`, "g"), value);
      own = own.replaceAll(new RegExp(`\\b${name}\\b`, "g"), value);
    } else if (name !== "SIZE") {
      lines.push(`const ${name} = ${value};`);
    }
  }
  return `${lines.join("\n")}
${body}
${own}
@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) counts: vec3u, @builtin(local_invocation_index) lane: u32) {
let group = at.y * counts.x + at.x;
if (group >= p.groups) { return; }
run(group, lane);
}`;
}

/** Kernels compiled so far, by what is baked into them. */
export class Pipelines {
  readonly #device: GpuDevice;
  readonly #compiled = new Map<string, Compiled>();
  readonly #layouts = new Map<string, { layout: GpuBindGroupLayout; pipelineLayout: object }>();

  constructor(device: GpuDevice) {
    this.#device = device;
  }

  /** How many there are. */
  get count(): number {
    return this.#compiled.size;
  }

  /** The pipeline of a kernel, compiled at first use. */
  of(
    kernel: KernelSource,
    constants: Readonly<Record<string, Constant>>,
    present: readonly boolean[],
    aliases: readonly number[],
  ): Compiled {
    let key = kernel.name;
    for (const name of kernel.constants) key += `|${constants[name]}`;
    for (const [i, { optional }] of kernel.bindings.entries()) {
      if (optional) key += present[i] ? "|+" : "|-";
      if (aliases[i] >= 0) key += `|${i}=${aliases[i]}`;
    }
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const made = this.#compile(kernel, constants, present, aliases, key);
    this.#compiled.set(key, made);
    return made;
  }

  #compile(
    kernel: KernelSource,
    constants: Readonly<Record<string, Constant>>,
    present: readonly boolean[],
    aliases: readonly number[],
    label: string,
  ): Compiled {
    for (const name of kernel.constants) {
      if (constants[name] === undefined) throw new Error(`kernel ${kernel.name} lacks its constant ${name}`);
    }
    const bound = kernel.bindings.map((_, i) => i).filter((i) => present[i] && aliases[i] < 0);
    const { maxStorageBuffersPerShaderStage } = this.#device.limits;
    if (bound.length > maxStorageBuffersPerShaderStage) {
      throw new BackendError({
        where: `the webgpu backend, kernel ${kernel.name}`,
        expected: `a device with ${bound.length} storage buffers per shader stage`,
        received: `one with ${maxStorageBuffersPerShaderStage}`,
        cure: 'Call setBackend("wasm").',
      });
    }
    const layoutKey = bound.map((i) => (kernel.bindings[i].writes ? "w" : "r")).join("");
    let layouts = this.#layouts.get(layoutKey);
    if (layouts === undefined) {
      const uniform = {
        binding: 0,
        visibility: computeStage,
        buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: parameterBytes },
      };
      const storage = [...layoutKey].map((access, k) => ({
        binding: k + 1,
        visibility: computeStage,
        buffer: { type: access === "w" ? "storage" : "read-only-storage" },
      }));
      const layout = this.#device.createBindGroupLayout({ label: layoutKey, entries: [uniform, ...storage] });
      layouts = { layout, pipelineLayout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }) };
      this.#layouts.set(layoutKey, layouts);
    }
    const code = sourceOf(kernel, constants, present, aliases);
    const module = this.#device.createShaderModule({ code, label });
    const pipeline = this.#device.createComputePipeline({
      label,
      layout: layouts.pipelineLayout,
      compute: { module, entryPoint: "main" },
    });
    return { pipeline, layout: layouts.layout, layoutKey, bound };
  }
}

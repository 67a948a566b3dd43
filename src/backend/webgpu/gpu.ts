/**
 * The part of WebGPU that this backend uses, as types of its own: TypeScript's DOM library lacks it, and users of the
 * package should not need another one. The objects of browsers, Deno and Dawn fit.
 */

/** Memory of a device. */
export interface GpuBuffer {
  readonly size: number;
  mapAsync(mode: number, offset?: number, size?: number): Promise<undefined>;
  getMappedRange(offset?: number, size?: number): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

/** What a kernel's bindings are like. */
export interface GpuBindGroupLayout {
  readonly label: string;
}

/** The buffers that stand behind bindings. */
export interface GpuBindGroup {
  readonly label: string;
}

/** A compiled kernel. */
export interface GpuPipeline {
  readonly label: string;
}

/** A sequence of dispatches. */
export interface GpuPass {
  setPipeline(pipeline: GpuPipeline): void;
  setBindGroup(index: number, group: GpuBindGroup, offsets: readonly number[]): void;
  dispatchWorkgroups(x: number, y?: number, z?: number): void;
  end(): void;
}

/** Readings of a device's clock. */
export interface GpuQuerySet {
  destroy(): void;
}

/** A sequence of passes and copies. */
export interface GpuEncoder {
  beginComputePass(descriptor: object): GpuPass;
  resolveQuerySet(queries: GpuQuerySet, first: number, count: number, target: GpuBuffer, offset: number): void;
  copyBufferToBuffer(
    source: GpuBuffer,
    sourceOffset: number,
    target: GpuBuffer,
    targetOffset: number,
    size: number,
  ): void;
  finish(): object;
}

/** An error that the device reports. */
export interface GpuError {
  readonly message: string;
}

/** Why a device was lost. */
export interface GpuLoss {
  readonly reason: string;
  readonly message: string;
}

/** The limits of a device that matter here. */
export interface GpuLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly maxStorageBuffersPerShaderStage: number;
}

/** A `GPUDevice`. */
export interface GpuDevice {
  readonly limits: GpuLimits;
  readonly features: { has(name: string): boolean };
  readonly lost: Promise<GpuLoss>;
  readonly queue: {
    submit(buffers: readonly object[]): void;
    writeBuffer(buffer: GpuBuffer, offset: number, data: ArrayBuffer, dataOffset: number, size: number): void;
    onSubmittedWorkDone(): Promise<undefined>;
  };
  createBuffer(descriptor: { size: number; usage: number }): GpuBuffer;
  createShaderModule(descriptor: { code: string; label?: string }): object;
  createBindGroupLayout(descriptor: object): GpuBindGroupLayout;
  createPipelineLayout(descriptor: object): object;
  createComputePipeline(descriptor: object): GpuPipeline;
  createBindGroup(descriptor: object): GpuBindGroup;
  createCommandEncoder(): GpuEncoder;
  createQuerySet(descriptor: object): GpuQuerySet;
  pushErrorScope(filter: "out-of-memory" | "validation" | "internal"): void;
  popErrorScope(): Promise<GpuError | null>;
  addEventListener(type: "uncapturederror", listener: (event: { readonly error: GpuError }) => void): void;
  destroy(): void;
}

/** A `GPUAdapter`. */
export interface GpuAdapter {
  readonly limits: object;
  readonly features: { has(name: string): boolean };
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
  requestDevice(descriptor: object): Promise<GpuDevice>;
}

/** What `navigator.gpu` is. */
export interface Gpu {
  requestAdapter(options?: object): Promise<GpuAdapter | null>;
}

/** Flags of `GPUBufferUsage`. */
export const usage = {
  mapRead: 1,
  copySource: 4,
  copyTarget: 8,
  uniform: 64,
  storage: 128,
  queryResolve: 512,
} as const;

/** `GPUMapMode.READ` */
export const mapForReading = 1;

/** `GPUShaderStage.COMPUTE` */
export const computeStage = 4;

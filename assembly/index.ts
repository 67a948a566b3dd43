export * from "./gemm";
export * from "./conv";
export * from "./conv-weights";

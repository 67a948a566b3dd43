export * from "./conv/correlate";
export * from "./conv/direct";
export * from "./conv/pointwise";
export * from "./conv/pointwise-weights";
export * from "./conv/weights";
export * from "./elementwise/dropout";
export * from "./elementwise/fill";
export { powBaseNs, powBaseOp, powExponentNs, powExponentOp, powNs, powOp } from "./elementwise/powers";
export * from "./elementwise/precise";
export * from "./elementwise/steps";
export * from "./elementwise/transpose";
export * from "./elementwise/unary";
export * from "./elementwise/walk";
export * from "./gemm/gemm";
export * from "./lookups/lookups";
export * from "./losses/cross-entropy";
export * from "./norm/channels";
export * from "./norm/channels-gradient";
export * from "./norm/coefficients";
export { flushTerms } from "./norm/layout";
export { lookAheadBytes } from "./norm/look-ahead";
export * from "./norm/masked";
export * from "./norm/planes";
export { rowMoments, rowSquares, rowStandardize } from "./norm/rows";
export * from "./norm/rows-gradient";
export * from "./norm/running";
export * from "./optimization/optimization";
export * from "./pooling/average";
export * from "./pooling/max";
export * from "./recurrent/gru";
export * from "./recurrent/lstm";
export * from "./reductions/cumulative";
export {
  columnBlock,
  columnStrip,
  maxColumns,
  maxColumnsGradient,
  maxPieces,
  maxRowsGradient,
  mergeSums,
  sumColumns,
  sumColumnsScratch,
  sumPieces,
  sumRows,
} from "./reductions/reductions";
export {
  logSoftmaxRows,
  logSoftmaxRowsGradient,
  softmaxColumns,
  softmaxColumnsGradient,
  softmaxRows,
  softmaxRowsGradient,
} from "./reductions/softmax";
export * from "./reductions/summary";
export * from "./winograd/columns";
export * from "./winograd/correlate";
export * from "./winograd/kinds";
export * from "./winograd/weights";

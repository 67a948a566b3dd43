// The backward passes of batch norm over (rows, channels): see norm-channels.ts.
import { coefficientStep, exactCoefficients } from "./norm-coefficients";
import { exactGradient } from "./norm-maps";
import { guardedSums, pair } from "./norm-sums";
import { flush } from "./norm-channels";

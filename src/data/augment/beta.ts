import { exp, log, pow } from "../../elementary.js";
import type { Generator } from "../../random.js";

/** A deviate of Beta(α, α). */
export function betaOf(alpha: number, generator: Generator): number {
  const [a, b] = [logGamma(alpha, generator), logGamma(alpha, generator)];
  // By logarithms, since gamma deviates of a small α vanish in float64.
  return 1 / (1 + exp(b - a));
}

/** The logarithm of a deviate of Gamma(α, 1) (Marsaglia & Tsang 2000; below α = 1 by their boost). */
function logGamma(alpha: number, generator: Generator): number {
  if (alpha < 1) return logGamma(alpha + 1, generator) + log(1 - generator.uniform()) / alpha;
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = generator.normal();
    const v = pow(1 + c * x, 3);
    if (v <= 0) continue;
    if (log(1 - generator.uniform()) < (x * x) / 2 + d - d * v + d * log(v)) return log(d * v);
  }
}

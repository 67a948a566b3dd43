import type { RegressionErrors } from "../../evaluation/regression-errors.js";

/** `mean absolute error 1.25, root mean square 1.5, R² 0.9` */
export function describeErrors({ mse, mae, rSquared }: RegressionErrors): string {
  const share = rSquared === null ? "" : `, R² ${rSquared.toFixed(4)}`;
  return `mean absolute error ${rounded(mae)}, root mean square ${rounded(Math.sqrt(mse))}${share}`;
}

/** To five digits. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(5)));
}

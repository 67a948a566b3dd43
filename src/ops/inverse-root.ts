import { record } from "../autograd.js";
import { type Tensor, upload } from "../tensor.js";

/** Eigenvectors as columns, and eigenvalues. */
interface Eigen {
  readonly vectors: Float64Array;
  readonly values: Float64Array;
}

/** Sweeps of Jacobi's method, which doubles its digits in each of the last ones. */
const mostSweeps = 30;

/**
 * A^(−1/2) of symmetric, positive definite matrices, by eigenvectors in float64. It waits for the backend. The
 * gradient, in the basis of the eigenvectors, is that of the function λ^(−1/2): −1 / (√λᵢ √λⱼ (√λᵢ + √λⱼ)) times dy,
 * which equal eigenvalues do not disturb.
 *
 * @param a - (…, n, n)
 */
export function inverseRoot(a: Tensor): Tensor {
  const n = a.shape[a.rank - 1];
  const matrices = blocksOf(a, n).map((values) => eigenOf(values, n));
  const roots = matrices.map(({ vectors, values }) =>
    inBasis(vectors, n, (i, j) => (i === j ? 1 / Math.sqrt(values[i]) : 0)),
  );
  const y = upload("inverseRoot", a.backend, a.shape, joined(roots));
  return record("inverseRoot", y, [a], [], (dy) => {
    const slopes = blocksOf(dy, n).map((gradient, k) => {
      const { vectors, values } = matrices[k];
      // Qᵀ·dy·Q, then what each entry is multiplied by, then back.
      const inside = product(transposed(vectors, n), product(gradient, vectors, n), n);
      return inBasis(vectors, n, (i, j) => {
        const [p, q] = [Math.sqrt(values[i]), Math.sqrt(values[j])];
        return -inside[i * n + j] / (p * q * (p + q));
      });
    });
    return [upload("inverseRoot", dy.backend, dy.shape, joined(slopes))];
  });
}

function blocksOf(t: Tensor, n: number): Float64Array[] {
  const values = t.dataSync();
  return Array.from({ length: values.length / (n * n) }, (_, k) =>
    Float64Array.from(values.subarray(k * n * n, (k + 1) * n * n)),
  );
}

function joined(matrices: readonly Float64Array[]): Float32Array {
  return Float32Array.from(matrices.flatMap((values) => [...values]));
}

/** Q·M·Qᵀ of a matrix that is given by its entries. */
function inBasis(vectors: Float64Array, n: number, entry: (i: number, j: number) => number): Float64Array {
  const inside = Float64Array.from({ length: n * n }, (_, k) => entry(Math.floor(k / n), k % n));
  return product(product(vectors, inside, n), transposed(vectors, n), n);
}

function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const y = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k];
      for (let j = 0; j < n; j++) y[i * n + j] += factor * b[k * n + j];
    }
  }
  return y;
}

function transposed(a: Float64Array, n: number): Float64Array {
  return a.map((_, k) => a[(k % n) * n + Math.floor(k / n)]);
}

/** Jacobi's method: rotations of two axes at a time, each of which makes one entry beside the diagonal 0. */
function eigenOf(matrix: Float64Array, n: number): Eigen {
  const a = matrix.map((value, k) => (value + matrix[(k % n) * n + Math.floor(k / n)]) / 2);
  const vectors = Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 1 : 0));
  const total = a.reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    let beside = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) beside += a[p * n + q] ** 2;
    if (!(beside > 1e-30 * total)) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, vectors, n, p, q);
  }
  return { vectors, values: Float64Array.from({ length: n }, (_, i) => a[i * (n + 1)]) };
}

function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q];
  if (apq === 0) return;
  const theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  const turn = (values: Float64Array, first: number, second: number): void => {
    const [x, y] = [values[first], values[second]];
    values[first] = c * x - s * y;
    values[second] = s * x + c * y;
  };
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q);
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k);
  for (let k = 0; k < n; k++) turn(vectors, k * n + p, k * n + q);
}

/**
 * Calls `visit` with two offsets for each step of nested loops, outermost first: loop d moves them by
 * `firstStrides[d]` and `secondStrides[d]`.
 */
export function walk(
  extents: readonly number[],
  firstStrides: readonly number[],
  secondStrides: readonly number[],
  visit: (first: number, second: number) => void,
  depth = 0,
  first = 0,
  second = 0,
): void {
  if (depth === extents.length) {
    visit(first, second);
    return;
  }
  for (let i = 0; i < extents[depth]; i++) {
    const nextFirst = first + i * firstStrides[depth];
    const nextSecond = second + i * secondStrides[depth];
    walk(extents, firstStrides, secondStrides, visit, depth + 1, nextFirst, nextSecond);
  }
}

// Where step i of five nested loops stands in two blocks: the inner loops run e1 to e4 times, and the loops move by r0
// to r4 in the first block and by s0 to s4 in the second.
fn walk(i: u32) -> vec2u {
  var rest = i;
  let i4 = rest % p.e4;
  rest = rest / p.e4;
  let i3 = rest % p.e3;
  rest = rest / p.e3;
  let i2 = rest % p.e2;
  rest = rest / p.e2;
  let i1 = rest % p.e1;
  let i0 = rest / p.e1;
  return vec2u(
    i0 * p.r0 + i1 * p.r1 + i2 * p.r2 + i3 * p.r3 + i4 * p.r4,
    i0 * p.s0 + i1 * p.s1 + i2 * p.s2 + i3 * p.s3 + i4 * p.s4,
  );
}

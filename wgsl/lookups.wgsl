//# kernel toIndices
//# reads x: f32
//# writes indices: i32
//# ints count size
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.count) { return; }
  var v = x[i];
  let size = i32(p.size);
  if (is_nan(v)) { v = 0.0; }
  // What no i32 holds is far beyond the table.
  var place = size;
  if (magnitude(v) < 0x4f000000u) { place = i32(v); } else if (bitcast<i32>(v) < 0) { place = -2147483647; }
  if (place < 0) { place += size; }
  indices[i] = max(0, min(size - 1, place));
}

//# kernel gather
//# reads table: u32
//# reads indices: i32
//# writes y: u32
//# ints length width
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.length) { return; }
  y[i] = table[u32(indices[i / p.width]) * p.width + i % p.width];
}

// Which of the indices name each row, in their order: counted, then listed by rank among the equal ones before.
// A workgroup takes one row of the table and goes through all indices, some at a time.
//# kernel scatterAdd
//# reads dy: f32
//# reads indices: i32
//# writes dtable: f32
//# ints count rows width skipped
var<workgroup> places: array<i32, SIZE>;
fn run(group: u32, lane: u32) {
  let row = i32(group);
  for (var first = 0u; first < p.width; first += SIZE) {
    let column = first + lane;
    var sum = vec2f();
    for (var begin = 0u; begin < p.count; begin += SIZE) {
      workgroupBarrier();
      if (begin + lane < p.count) { places[lane] = indices[begin + lane]; } else { places[lane] = -1; }
      workgroupBarrier();
      let size = min(SIZE, p.count - begin);
      for (var j = 0u; j < size; j++) {
        if (places[j] == row && column < p.width) { sum = add_to(sum, dy[(begin + j) * p.width + column]); }
      }
    }
    if (column < p.width) { dtable[group * p.width + column] = choose(total(sum), 0.0, group == p.skipped); }
  }
}

enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
// A subgroup's number comes of its invocations' indexes, which the compiler does not follow.
diagnostic(off, chromium.subgroup_matrix_uniformity);
struct Extents {
  batch: u32,
  sequence: u32,
  keys: u32,
  tokens: u32,
}
@group(0) @binding(0) var<uniform> extents: Extents;
@group(0) @binding(1) var<storage, read_write> out0: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read_write> in0: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> in1: array<i32>;
// Keys, values, weights, and rows of scores or of the weighted sum.
var<workgroup> tile: array<vec4<u32>, 1568>;
var<workgroup> scales: array<f32, 16>;
var<workgroup> must_scale: atomic<u32>;
fn pack_vec8(first: vec4<f16>, second: vec4<f16>) -> vec4<u32> {
  return vec4<u32>(bitcast<vec2<u32>>(first), bitcast<vec2<u32>>(second));
}
fn load_query_vec8(head: u32, position: u32, column: u32) -> vec4<u32> {
  if (column >= 32u) { return vec4<u32>(); }
  return in0[position * 24u + (head * 32u + column) / 8u];
}
fn load_key_vec8(head: u32, position: u32, column: u32) -> vec4<u32> {
  if (column >= 32u) { return vec4<u32>(); }
  return in0[position * 24u + ((head * 32u + column) + 64u) / 8u];
}
fn load_value_vec8(head: u32, position: u32, column: u32) -> vec4<u32> {
  if (column >= 32u) { return vec4<u32>(); }
  return in0[position * 24u + ((head * 32u + column) + 128u) / 8u];
}
fn visibility(head: u32, query: u32, key: u32) -> vec4<f32> {
  let s0 = f32(in1[query]);
  let v1 = vec4<f32>(s0);
  let s2 = f32(in1[key]);
  let s3 = f32(in1[min((key + 1u), extents.tokens - 1u)]);
  let s4 = f32(in1[min((key + 2u), extents.tokens - 1u)]);
  let s5 = f32(in1[min((key + 3u), extents.tokens - 1u)]);
  let v6 = vec4<f32>(s2, s3, s4, s5);
  let v7 = select(vec4<f32>(0.0), vec4<f32>(1.0), v1 == v6);
  return v7;
}
fn score(head: u32, query: u32, key: u32, products: vec4<f32>, visible: vec4<f32>) -> vec4<f32> {
  let v8 = (products * vec4<f32>(0.1767766922712326f));
  let v9 = select(vec4<f32>(0.0f), v8, visible != vec4<f32>(0.0));
  return v9;
}
@compute @workgroup_size(128)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) local_index: u32,
) {
  let head = group.y;
  let first_query = group.x * 16u;
  let subgroup = local_index / 32u;
  let row_part = subgroup / 4u * 16u;
  let subgroup_part = subgroup % 4u;
  // A sequence's id is the index of its first token, and ids never fall: the keys are those of the tile's sequences.
  let first_id = in1[min(first_query, extents.tokens - 1u)];
  let first_key = u32(first_id) & ~3u;
  let last_id = in1[min(first_query + 15u, extents.tokens - 1u)];
  let key_end = extents.tokens;
  // The row of scores of the lane, or of a few neighbours.
  let row = local_index / 8u;
  let lane = local_index % 8u;
  let query = min(first_query + row, extents.tokens - 1u);
  var query_unit0: vec4<u32>;
  var key_unit0: vec4<u32>;
  var key_unit1: vec4<u32>;
  var key_unit2: vec4<u32>;
  var key_unit3: vec4<u32>;
  var value_unit0: vec4<u32>;
  var value_unit1: vec4<u32>;
  var value_unit2: vec4<u32>;
  var value_unit3: vec4<u32>;
  query_unit0 = load_query_vec8(head, min(first_query + local_index / 8u, extents.tokens - 1u), local_index % 8u * 8u);
  key_unit0 = load_key_vec8(head, min(first_key + local_index / 8u, key_end - 1u), local_index % 8u * 8u);
  key_unit1 = load_key_vec8(head, min(first_key + (local_index + 128u) / 8u, key_end - 1u), (local_index + 128u) % 8u * 8u);
  key_unit2 = load_key_vec8(head, min(first_key + (local_index + 256u) / 8u, key_end - 1u), (local_index + 256u) % 8u * 8u);
  key_unit3 = load_key_vec8(head, min(first_key + (local_index + 384u) / 8u, key_end - 1u), (local_index + 384u) % 8u * 8u);
  if (local_index == 0u) { atomicStore(&must_scale, 0u); }
  tile[1296u + local_index / 8u * 9u + local_index % 8u] = query_unit0;
  tile[0u + local_index / 8u * 9u + local_index % 8u] = key_unit0;
  tile[0u + (local_index + 128u) / 8u * 9u + (local_index + 128u) % 8u] = key_unit1;
  tile[0u + (local_index + 256u) / 8u * 9u + (local_index + 256u) % 8u] = key_unit2;
  tile[0u + (local_index + 384u) / 8u * 9u + (local_index + 384u) % 8u] = key_unit3;
  value_unit0 = load_value_vec8(head, min(first_key + local_index / 8u, key_end - 1u), local_index % 8u * 8u);
  value_unit1 = load_value_vec8(head, min(first_key + (local_index + 128u) / 8u, key_end - 1u), (local_index + 128u) % 8u * 8u);
  value_unit2 = load_value_vec8(head, min(first_key + (local_index + 256u) / 8u, key_end - 1u), (local_index + 256u) % 8u * 8u);
  value_unit3 = load_value_vec8(head, min(first_key + (local_index + 384u) / 8u, key_end - 1u), (local_index + 384u) % 8u * 8u);
  key_unit0 = load_key_vec8(head, min((first_key + 64u) + local_index / 8u, key_end - 1u), local_index % 8u * 8u);
  key_unit1 = load_key_vec8(head, min((first_key + 64u) + (local_index + 128u) / 8u, key_end - 1u), (local_index + 128u) % 8u * 8u);
  key_unit2 = load_key_vec8(head, min((first_key + 64u) + (local_index + 256u) / 8u, key_end - 1u), (local_index + 256u) % 8u * 8u);
  key_unit3 = load_key_vec8(head, min((first_key + 64u) + (local_index + 384u) / 8u, key_end - 1u), (local_index + 384u) % 8u * 8u);
  workgroupBarrier();
  let query0_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, 1296u + row_part * 9u + 0u, 9u);
  let query0_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, 1296u + row_part * 9u + 2u, 9u);
  let query0_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, 1296u + row_part * 9u + 4u, 9u);
  let query0_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, 1296u + row_part * 9u + 6u, 9u);
  // Scores overwrite the queries.
  workgroupBarrier();
  var context0_0: subgroup_matrix_result<f32, 16, 16>;
  var largest = -3.4028234663852886e38f;
  var sum = 0.0f;
  var first_seen = in1[min(first_key, key_end - 1u)];
  var last_seen = in1[min(first_key + 63u, key_end - 1u)];
  for (var key0 = first_key; key0 < key_end && first_seen <= last_id; key0 += 64u) {
    {
      var products0 = subgroup_matrix_result<f32, 16, 16>();
      let key0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 0u + (subgroup_part * 1u + 0u) * 144u + 0u, 9u);
      products0 = subgroupMatrixMultiplyAccumulate(query0_0, key0, products0);
      let key1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 0u + (subgroup_part * 1u + 0u) * 144u + 2u, 9u);
      products0 = subgroupMatrixMultiplyAccumulate(query0_1, key1, products0);
      let key2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 0u + (subgroup_part * 1u + 0u) * 144u + 4u, 9u);
      products0 = subgroupMatrixMultiplyAccumulate(query0_2, key2, products0);
      let key3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&tile, 0u + (subgroup_part * 1u + 0u) * 144u + 6u, 9u);
      products0 = subgroupMatrixMultiplyAccumulate(query0_3, key3, products0);
      subgroupMatrixStore<row_major>(&tile, 1296u + row_part * 17u + (subgroup_part * 1u + 0u) * 4u, products0, 17u);
    }
    workgroupBarrier();
    tile[576u + local_index / 8u * 9u + local_index % 8u] = value_unit0;
    tile[576u + (local_index + 128u) / 8u * 9u + (local_index + 128u) % 8u] = value_unit1;
    tile[576u + (local_index + 256u) / 8u * 9u + (local_index + 256u) % 8u] = value_unit2;
    tile[576u + (local_index + 384u) / 8u * 9u + (local_index + 384u) % 8u] = value_unit3;
    tile[0u + local_index / 8u * 9u + local_index % 8u] = key_unit0;
    tile[0u + (local_index + 128u) / 8u * 9u + (local_index + 128u) % 8u] = key_unit1;
    tile[0u + (local_index + 256u) / 8u * 9u + (local_index + 256u) % 8u] = key_unit2;
    tile[0u + (local_index + 384u) / 8u * 9u + (local_index + 384u) % 8u] = key_unit3;
    let sees_all = key0 + 64u <= key_end && first_seen == last_id && last_seen == last_id && first_id == last_id;
    // The next loads are in flight while this tile is computed.
    first_seen = in1[min(key0 + 64u, key_end - 1u)];
    last_seen = in1[min(key0 + 64u + 63u, key_end - 1u)];
    value_unit0 = load_value_vec8(head, min((key0 + 64u) + local_index / 8u, key_end - 1u), local_index % 8u * 8u);
    value_unit1 = load_value_vec8(head, min((key0 + 64u) + (local_index + 128u) / 8u, key_end - 1u), (local_index + 128u) % 8u * 8u);
    value_unit2 = load_value_vec8(head, min((key0 + 64u) + (local_index + 256u) / 8u, key_end - 1u), (local_index + 256u) % 8u * 8u);
    value_unit3 = load_value_vec8(head, min((key0 + 64u) + (local_index + 384u) / 8u, key_end - 1u), (local_index + 384u) % 8u * 8u);
    key_unit0 = load_key_vec8(head, min((key0 + 128u) + local_index / 8u, key_end - 1u), local_index % 8u * 8u);
    key_unit1 = load_key_vec8(head, min((key0 + 128u) + (local_index + 128u) / 8u, key_end - 1u), (local_index + 128u) % 8u * 8u);
    key_unit2 = load_key_vec8(head, min((key0 + 128u) + (local_index + 256u) / 8u, key_end - 1u), (local_index + 256u) % 8u * 8u);
    key_unit3 = load_key_vec8(head, min((key0 + 128u) + (local_index + 384u) / 8u, key_end - 1u), (local_index + 384u) % 8u * 8u);
    let products0_0 = bitcast<vec4<f32>>(tile[1296u + row * 17u + (lane + 0u) * 2u + 0u]);
    let key0_0 = key0 + ((lane + 0u) * 2u + 0u) * 4u;
    let known_key0_0 = min(key0_0, (key_end - 1u) & ~3u);
    var scores0_0: vec4<f32>;
    let products0_1 = bitcast<vec4<f32>>(tile[1296u + row * 17u + (lane + 0u) * 2u + 1u]);
    let key0_1 = key0 + ((lane + 0u) * 2u + 1u) * 4u;
    let known_key0_1 = min(key0_1, (key_end - 1u) & ~3u);
    var scores0_1: vec4<f32>;
    if (sees_all) {
      scores0_0 = score(head, query, known_key0_0, products0_0, vec4<f32>(1.0f));
      scores0_1 = score(head, query, known_key0_1, products0_1, vec4<f32>(1.0f));
    } else {
      let visible0_0 = visibility(head, query, known_key0_0);
      scores0_0 = select(vec4<f32>(-3.4028234663852886e38f), score(head, query, known_key0_0, products0_0, visible0_0), (visible0_0 != vec4<f32>()) & (vec4<u32>(key0_0) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(key_end)));
      let visible0_1 = visibility(head, query, known_key0_1);
      scores0_1 = select(vec4<f32>(-3.4028234663852886e38f), score(head, query, known_key0_1, products0_1, visible0_1), (visible0_1 != vec4<f32>()) & (vec4<u32>(key0_1) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(key_end)));
    }
    let highest4 = max(scores0_0, scores0_1);
    var highest = max(max(highest4.x, highest4.y), max(highest4.z, highest4.w));
    highest = max(highest, subgroupShuffleXor(highest, 1u));
    highest = max(highest, subgroupShuffleXor(highest, 2u));
    highest = max(highest, subgroupShuffleXor(highest, 4u));
    var scale = 1.0f;
    if (sum == 0.0f) {
      // All keys were masked so far.
      largest = highest;
    } else if (highest > largest + 8.0f) {
      scale = exp(largest - highest);
      largest = highest;
      atomicStore(&must_scale, 1u);
    }
    if (lane == 0u) { scales[row] = scale; }
    // Masked scores have weight zero, even where all keys were masked so far.
    let base = vec4<f32>(max(largest, 0.5f * -3.4028234663852886e38f));
    var part = vec4<f32>();
    let weights0_0 = exp(scores0_0 - base);
    part += weights0_0;
    let weights0_1 = exp(scores0_1 - base);
    part += weights0_1;
    let packed0 = pack_vec8(vec4<f16>(weights0_0), vec4<f16>(weights0_1));
    tile[1152u + row * 9u + lane + 0u] = packed0;
    var total = (part.x + part.y) + (part.z + part.w);
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    sum = sum * scale + total;
    if (workgroupUniformLoad(&must_scale) != 0u) {
      subgroupMatrixStore<row_major>(&tile, 1296u + row_part * 17u + (subgroup_part * 1u + 0u) * 4u, context0_0, 17u);
      workgroupBarrier();
      if (local_index == 0u) { atomicStore(&must_scale, 0u); }
      for (var index = local_index; index < 256u; index += 128u) {
        let place = 1296u + index / 16u * 17u + index % 16u;
        tile[place] = bitcast<vec4<u32>>(bitcast<vec4<f32>>(tile[place]) * scales[index / 16u]);
      }
      workgroupBarrier();
      context0_0 = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&tile, 1296u + row_part * 17u + (subgroup_part * 1u + 0u) * 4u, 17u);
      // The next stage overwrites this one.
      workgroupBarrier();
    }
    {
      let weights0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, 1152u + row_part * 9u + 0u, 9u);
      let value0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&tile, 576u + (subgroup_part * 1u + 0u) * 2u, 9u);
      context0_0 = subgroupMatrixMultiplyAccumulate(weights0, value0, context0_0);
    }
    {
      let weights0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, 1152u + row_part * 9u + 2u, 9u);
      let value0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&tile, 720u + (subgroup_part * 1u + 0u) * 2u, 9u);
      context0_0 = subgroupMatrixMultiplyAccumulate(weights0, value0, context0_0);
    }
    {
      let weights0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, 1152u + row_part * 9u + 4u, 9u);
      let value0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&tile, 864u + (subgroup_part * 1u + 0u) * 2u, 9u);
      context0_0 = subgroupMatrixMultiplyAccumulate(weights0, value0, context0_0);
    }
    {
      let weights0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&tile, 1152u + row_part * 9u + 6u, 9u);
      let value0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&tile, 1008u + (subgroup_part * 1u + 0u) * 2u, 9u);
      context0_0 = subgroupMatrixMultiplyAccumulate(weights0, value0, context0_0);
    }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&tile, 1296u + row_part * 17u + (subgroup_part * 1u + 0u) * 4u, context0_0, 17u);
  if (lane == 0u) { scales[row] = max(sum, 1.0f); }
  workgroupBarrier();
  for (var index = local_index; index < 128u; index += 128u) {
    let tile_query = index / 8u;
    let vector = index % 8u;
    let position = first_query + tile_query;
    if (position < extents.tokens) {
      let result = bitcast<vec4<f32>>(tile[1296u + tile_query * 17u + vector]) / scales[tile_query];
      out0[(head * extents.tokens + position) * 8u + ((vector * 4u + 0u)) / 4u] = vec4<f16>(result);
    }
  }
}

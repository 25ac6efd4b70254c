struct Extents {
  batch: u32,
  sequence: u32,
  keys: u32,
  tokens: u32,
}
@group(0) @binding(0) var<uniform> extents: Extents;
@group(0) @binding(1) var<storage, read_write> out0: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> in0: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> in1: array<i32>;
fn unpack_halves(words: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}
fn pack_halves(vector: vec4<f32>) -> vec2<u32> {
  return vec2<u32>(pack2x16float(vector.xy), pack2x16float(vector.zw));
}
var<workgroup> queries: array<vec4<f32>, 288>;
// Keys first, then the values of the same positions.
var<workgroup> keys_or_values: array<vec4<f32>, 296>;
var<workgroup> weights: array<vec4<f32>, 288>;
var<workgroup> partials: array<f32, 288>;
fn load_query(head: u32, position: u32, column: u32) -> vec4<f32> {
  let v0 = unpack_halves(in0[position * 48u + (head * 32u + column) / 4u]);
  return v0;
}
fn load_key(head: u32, position: u32, column: u32) -> vec4<f32> {
  let v1 = unpack_halves(in0[position * 48u + ((head * 32u + column) + 64u) / 4u]);
  return v1;
}
fn load_value(head: u32, position: u32, column: u32) -> vec4<f32> {
  let v2 = unpack_halves(in0[position * 48u + ((head * 32u + column) + 128u) / 4u]);
  return v2;
}
fn visibility(head: u32, query: u32, key: u32) -> vec4<f32> {
  let s3 = f32(in1[query]);
  let v4 = vec4<f32>(s3);
  let s5 = f32(in1[key]);
  let s6 = f32(in1[min((key + 1u), extents.tokens - 1u)]);
  let s7 = f32(in1[min((key + 2u), extents.tokens - 1u)]);
  let s8 = f32(in1[min((key + 3u), extents.tokens - 1u)]);
  let v9 = vec4<f32>(s5, s6, s7, s8);
  let v10 = select(vec4<f32>(0.0), vec4<f32>(1.0), v4 == v9);
  return v10;
}
fn score(head: u32, query: u32, key: u32, products: vec4<f32>, visible: vec4<f32>) -> vec4<f32> {
  let v11 = (products * vec4<f32>(0.1767766922712326f));
  let v12 = select(vec4<f32>(0.0f), v11, visible != vec4<f32>(0.0));
  return v12;
}
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) local_index: u32,
) {
  let lane = local_index % 32u;
  let block = (local_index) / 32u;
  let y = block / 1u * 4u + lane / 2u % 2u + lane / 16u * 2u;
  let x = block % 1u * 8u + lane % 2u + lane / 4u % 4u * 2u;
  let head = group.y;
  let first_query = group.x * 32u;
  let query0 = min(first_query + y * 4u + 0u, extents.tokens - 1u);
  let query1 = min(first_query + y * 4u + 1u, extents.tokens - 1u);
  let query2 = min(first_query + y * 4u + 2u, extents.tokens - 1u);
  let query3 = min(first_query + y * 4u + 3u, extents.tokens - 1u);
  for (var index = local_index; index < 256u; index += 64u) {
    let tile_query = index / 8u;
    let column = index % 8u;
    queries[tile_query * 9u + column] = load_query(head, min(first_query + tile_query, extents.tokens - 1u), column * 4u);
  }
  // A sequence's id is the index of its first token, and ids never fall: the keys are those of the tile's sequences.
  let first_id = in1[min(first_query, extents.tokens - 1u)];
  let first_key = u32(first_id) & ~3u;
  let last_id = in1[min(first_query + 31u, extents.tokens - 1u)];
  let key_end = extents.tokens;
  var largest0 = -3.4028234663852886e38f;
  var sum0 = 0.0f;
  var context0_0 = vec4<f32>();
  var largest1 = -3.4028234663852886e38f;
  var sum1 = 0.0f;
  var context1_0 = vec4<f32>();
  var largest2 = -3.4028234663852886e38f;
  var sum2 = 0.0f;
  var context2_0 = vec4<f32>();
  var largest3 = -3.4028234663852886e38f;
  var sum3 = 0.0f;
  var context3_0 = vec4<f32>();
  var key_unit0: vec4<f32>;
  var key_unit1: vec4<f32>;
  var key_unit2: vec4<f32>;
  var key_unit3: vec4<f32>;
  var value_unit0: vec4<f32>;
  var value_unit1: vec4<f32>;
  var value_unit2: vec4<f32>;
  var value_unit3: vec4<f32>;
  key_unit0 = load_key(head, min(first_key + local_index / 8u, key_end - 1u), local_index % 8u * 4u);
  key_unit1 = load_key(head, min(first_key + (local_index + 64u) / 8u, key_end - 1u), (local_index + 64u) % 8u * 4u);
  key_unit2 = load_key(head, min(first_key + (local_index + 128u) / 8u, key_end - 1u), (local_index + 128u) % 8u * 4u);
  key_unit3 = load_key(head, min(first_key + (local_index + 192u) / 8u, key_end - 1u), (local_index + 192u) % 8u * 4u);
  value_unit0 = load_value(head, min(first_key + local_index / 8u, key_end - 1u), local_index % 8u * 4u);
  value_unit1 = load_value(head, min(first_key + (local_index + 64u) / 8u, key_end - 1u), (local_index + 64u) % 8u * 4u);
  value_unit2 = load_value(head, min(first_key + (local_index + 128u) / 8u, key_end - 1u), (local_index + 128u) % 8u * 4u);
  value_unit3 = load_value(head, min(first_key + (local_index + 192u) / 8u, key_end - 1u), (local_index + 192u) % 8u * 4u);
  var first_seen = in1[min(first_key, key_end - 1u)];
  var last_seen = in1[min(first_key + 31u, key_end - 1u)];
  for (var key0 = first_key; key0 < key_end && first_seen <= last_id; key0 += 32u) {
    workgroupBarrier();
    keys_or_values[local_index / 8u * 9u + local_index / 8u / 4u + local_index % 8u] = key_unit0;
    keys_or_values[(local_index + 64u) / 8u * 9u + (local_index + 64u) / 8u / 4u + (local_index + 64u) % 8u] = key_unit1;
    keys_or_values[(local_index + 128u) / 8u * 9u + (local_index + 128u) / 8u / 4u + (local_index + 128u) % 8u] = key_unit2;
    keys_or_values[(local_index + 192u) / 8u * 9u + (local_index + 192u) / 8u / 4u + (local_index + 192u) % 8u] = key_unit3;
    workgroupBarrier();
    let sees_all = key0 + 32u <= key_end && first_seen == last_id && last_seen == last_id && first_id == last_id;
    first_seen = in1[min(key0 + 32u, key_end - 1u)];
    last_seen = in1[min(key0 + 32u + 31u, key_end - 1u)];
    var products0 = vec4<f32>();
    var products1 = vec4<f32>();
    var products2 = vec4<f32>();
    var products3 = vec4<f32>();
    for (var column_first = 0u; column_first < 2u; column_first++) {
      {
        let column = column_first * 4u + 0u;
        let line0 = keys_or_values[x * 37u + column];
        let line1 = keys_or_values[x * 37u + 9u + column];
        let line2 = keys_or_values[x * 37u + 18u + column];
        let line3 = keys_or_values[x * 37u + 27u + column];
        let keys_x = vec4<f32>(line0.x, line1.x, line2.x, line3.x);
        let keys_y = vec4<f32>(line0.y, line1.y, line2.y, line3.y);
        let keys_z = vec4<f32>(line0.z, line1.z, line2.z, line3.z);
        let keys_w = vec4<f32>(line0.w, line1.w, line2.w, line3.w);
        let query_part0 = queries[(y * 4u + 0u) * 9u + column];
        products0 = fma(vec4<f32>(query_part0.x), keys_x, products0);
        products0 = fma(vec4<f32>(query_part0.y), keys_y, products0);
        products0 = fma(vec4<f32>(query_part0.z), keys_z, products0);
        products0 = fma(vec4<f32>(query_part0.w), keys_w, products0);
        let query_part1 = queries[(y * 4u + 1u) * 9u + column];
        products1 = fma(vec4<f32>(query_part1.x), keys_x, products1);
        products1 = fma(vec4<f32>(query_part1.y), keys_y, products1);
        products1 = fma(vec4<f32>(query_part1.z), keys_z, products1);
        products1 = fma(vec4<f32>(query_part1.w), keys_w, products1);
        let query_part2 = queries[(y * 4u + 2u) * 9u + column];
        products2 = fma(vec4<f32>(query_part2.x), keys_x, products2);
        products2 = fma(vec4<f32>(query_part2.y), keys_y, products2);
        products2 = fma(vec4<f32>(query_part2.z), keys_z, products2);
        products2 = fma(vec4<f32>(query_part2.w), keys_w, products2);
        let query_part3 = queries[(y * 4u + 3u) * 9u + column];
        products3 = fma(vec4<f32>(query_part3.x), keys_x, products3);
        products3 = fma(vec4<f32>(query_part3.y), keys_y, products3);
        products3 = fma(vec4<f32>(query_part3.z), keys_z, products3);
        products3 = fma(vec4<f32>(query_part3.w), keys_w, products3);
      }
      {
        let column = column_first * 4u + 1u;
        let line0 = keys_or_values[x * 37u + column];
        let line1 = keys_or_values[x * 37u + 9u + column];
        let line2 = keys_or_values[x * 37u + 18u + column];
        let line3 = keys_or_values[x * 37u + 27u + column];
        let keys_x = vec4<f32>(line0.x, line1.x, line2.x, line3.x);
        let keys_y = vec4<f32>(line0.y, line1.y, line2.y, line3.y);
        let keys_z = vec4<f32>(line0.z, line1.z, line2.z, line3.z);
        let keys_w = vec4<f32>(line0.w, line1.w, line2.w, line3.w);
        let query_part0 = queries[(y * 4u + 0u) * 9u + column];
        products0 = fma(vec4<f32>(query_part0.x), keys_x, products0);
        products0 = fma(vec4<f32>(query_part0.y), keys_y, products0);
        products0 = fma(vec4<f32>(query_part0.z), keys_z, products0);
        products0 = fma(vec4<f32>(query_part0.w), keys_w, products0);
        let query_part1 = queries[(y * 4u + 1u) * 9u + column];
        products1 = fma(vec4<f32>(query_part1.x), keys_x, products1);
        products1 = fma(vec4<f32>(query_part1.y), keys_y, products1);
        products1 = fma(vec4<f32>(query_part1.z), keys_z, products1);
        products1 = fma(vec4<f32>(query_part1.w), keys_w, products1);
        let query_part2 = queries[(y * 4u + 2u) * 9u + column];
        products2 = fma(vec4<f32>(query_part2.x), keys_x, products2);
        products2 = fma(vec4<f32>(query_part2.y), keys_y, products2);
        products2 = fma(vec4<f32>(query_part2.z), keys_z, products2);
        products2 = fma(vec4<f32>(query_part2.w), keys_w, products2);
        let query_part3 = queries[(y * 4u + 3u) * 9u + column];
        products3 = fma(vec4<f32>(query_part3.x), keys_x, products3);
        products3 = fma(vec4<f32>(query_part3.y), keys_y, products3);
        products3 = fma(vec4<f32>(query_part3.z), keys_z, products3);
        products3 = fma(vec4<f32>(query_part3.w), keys_w, products3);
      }
      {
        let column = column_first * 4u + 2u;
        let line0 = keys_or_values[x * 37u + column];
        let line1 = keys_or_values[x * 37u + 9u + column];
        let line2 = keys_or_values[x * 37u + 18u + column];
        let line3 = keys_or_values[x * 37u + 27u + column];
        let keys_x = vec4<f32>(line0.x, line1.x, line2.x, line3.x);
        let keys_y = vec4<f32>(line0.y, line1.y, line2.y, line3.y);
        let keys_z = vec4<f32>(line0.z, line1.z, line2.z, line3.z);
        let keys_w = vec4<f32>(line0.w, line1.w, line2.w, line3.w);
        let query_part0 = queries[(y * 4u + 0u) * 9u + column];
        products0 = fma(vec4<f32>(query_part0.x), keys_x, products0);
        products0 = fma(vec4<f32>(query_part0.y), keys_y, products0);
        products0 = fma(vec4<f32>(query_part0.z), keys_z, products0);
        products0 = fma(vec4<f32>(query_part0.w), keys_w, products0);
        let query_part1 = queries[(y * 4u + 1u) * 9u + column];
        products1 = fma(vec4<f32>(query_part1.x), keys_x, products1);
        products1 = fma(vec4<f32>(query_part1.y), keys_y, products1);
        products1 = fma(vec4<f32>(query_part1.z), keys_z, products1);
        products1 = fma(vec4<f32>(query_part1.w), keys_w, products1);
        let query_part2 = queries[(y * 4u + 2u) * 9u + column];
        products2 = fma(vec4<f32>(query_part2.x), keys_x, products2);
        products2 = fma(vec4<f32>(query_part2.y), keys_y, products2);
        products2 = fma(vec4<f32>(query_part2.z), keys_z, products2);
        products2 = fma(vec4<f32>(query_part2.w), keys_w, products2);
        let query_part3 = queries[(y * 4u + 3u) * 9u + column];
        products3 = fma(vec4<f32>(query_part3.x), keys_x, products3);
        products3 = fma(vec4<f32>(query_part3.y), keys_y, products3);
        products3 = fma(vec4<f32>(query_part3.z), keys_z, products3);
        products3 = fma(vec4<f32>(query_part3.w), keys_w, products3);
      }
      {
        let column = column_first * 4u + 3u;
        let line0 = keys_or_values[x * 37u + column];
        let line1 = keys_or_values[x * 37u + 9u + column];
        let line2 = keys_or_values[x * 37u + 18u + column];
        let line3 = keys_or_values[x * 37u + 27u + column];
        let keys_x = vec4<f32>(line0.x, line1.x, line2.x, line3.x);
        let keys_y = vec4<f32>(line0.y, line1.y, line2.y, line3.y);
        let keys_z = vec4<f32>(line0.z, line1.z, line2.z, line3.z);
        let keys_w = vec4<f32>(line0.w, line1.w, line2.w, line3.w);
        let query_part0 = queries[(y * 4u + 0u) * 9u + column];
        products0 = fma(vec4<f32>(query_part0.x), keys_x, products0);
        products0 = fma(vec4<f32>(query_part0.y), keys_y, products0);
        products0 = fma(vec4<f32>(query_part0.z), keys_z, products0);
        products0 = fma(vec4<f32>(query_part0.w), keys_w, products0);
        let query_part1 = queries[(y * 4u + 1u) * 9u + column];
        products1 = fma(vec4<f32>(query_part1.x), keys_x, products1);
        products1 = fma(vec4<f32>(query_part1.y), keys_y, products1);
        products1 = fma(vec4<f32>(query_part1.z), keys_z, products1);
        products1 = fma(vec4<f32>(query_part1.w), keys_w, products1);
        let query_part2 = queries[(y * 4u + 2u) * 9u + column];
        products2 = fma(vec4<f32>(query_part2.x), keys_x, products2);
        products2 = fma(vec4<f32>(query_part2.y), keys_y, products2);
        products2 = fma(vec4<f32>(query_part2.z), keys_z, products2);
        products2 = fma(vec4<f32>(query_part2.w), keys_w, products2);
        let query_part3 = queries[(y * 4u + 3u) * 9u + column];
        products3 = fma(vec4<f32>(query_part3.x), keys_x, products3);
        products3 = fma(vec4<f32>(query_part3.y), keys_y, products3);
        products3 = fma(vec4<f32>(query_part3.z), keys_z, products3);
        products3 = fma(vec4<f32>(query_part3.w), keys_w, products3);
      }
    }
    let key = key0 + x * 4u;
    let known_key = min(key, (key_end - 1u) & ~3u);
    var scores0: vec4<f32>;
    var scores1: vec4<f32>;
    var scores2: vec4<f32>;
    var scores3: vec4<f32>;
    if (sees_all) {
      scores0 = score(head, query0, known_key, products0, vec4<f32>(1.0f));
      scores1 = score(head, query1, known_key, products1, vec4<f32>(1.0f));
      scores2 = score(head, query2, known_key, products2, vec4<f32>(1.0f));
      scores3 = score(head, query3, known_key, products3, vec4<f32>(1.0f));
    } else {
      let visible0 = visibility(head, query0, known_key);
      let score0 = score(head, query0, known_key, products0, visible0);
      scores0 = select(vec4<f32>(-3.4028234663852886e38f), score0, (visible0 != vec4<f32>()) & (vec4<u32>(key) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(key_end)));
      let visible1 = visibility(head, query1, known_key);
      let score1 = score(head, query1, known_key, products1, visible1);
      scores1 = select(vec4<f32>(-3.4028234663852886e38f), score1, (visible1 != vec4<f32>()) & (vec4<u32>(key) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(key_end)));
      let visible2 = visibility(head, query2, known_key);
      let score2 = score(head, query2, known_key, products2, visible2);
      scores2 = select(vec4<f32>(-3.4028234663852886e38f), score2, (visible2 != vec4<f32>()) & (vec4<u32>(key) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(key_end)));
      let visible3 = visibility(head, query3, known_key);
      let score3 = score(head, query3, known_key, products3, visible3);
      scores3 = select(vec4<f32>(-3.4028234663852886e38f), score3, (visible3 != vec4<f32>()) & (vec4<u32>(key) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(key_end)));
    }
    partials[(y * 4u + 0u) * 9u + x] = max(max(scores0.x, scores0.y), max(scores0.z, scores0.w));
    partials[(y * 4u + 1u) * 9u + x] = max(max(scores1.x, scores1.y), max(scores1.z, scores1.w));
    partials[(y * 4u + 2u) * 9u + x] = max(max(scores2.x, scores2.y), max(scores2.z, scores2.w));
    partials[(y * 4u + 3u) * 9u + x] = max(max(scores3.x, scores3.y), max(scores3.z, scores3.w));
    workgroupBarrier();
    var next0 = largest0;
    for (var other = 0u; other < 8u; other++) { next0 = max(next0, partials[(y * 4u + 0u) * 9u + other]); }
    let scale0 = exp(largest0 - next0);
    largest0 = next0;
    let weights0 = exp(scores0 - vec4<f32>(max(largest0, 0.5f * -3.4028234663852886e38f)));
    sum0 = sum0 * scale0 + ((weights0.x + weights0.y) + (weights0.z + weights0.w));
    weights[(y * 4u + 0u) * 9u + x] = weights0;
    context0_0 *= scale0;
    var next1 = largest1;
    for (var other = 0u; other < 8u; other++) { next1 = max(next1, partials[(y * 4u + 1u) * 9u + other]); }
    let scale1 = exp(largest1 - next1);
    largest1 = next1;
    let weights1 = exp(scores1 - vec4<f32>(max(largest1, 0.5f * -3.4028234663852886e38f)));
    sum1 = sum1 * scale1 + ((weights1.x + weights1.y) + (weights1.z + weights1.w));
    weights[(y * 4u + 1u) * 9u + x] = weights1;
    context1_0 *= scale1;
    var next2 = largest2;
    for (var other = 0u; other < 8u; other++) { next2 = max(next2, partials[(y * 4u + 2u) * 9u + other]); }
    let scale2 = exp(largest2 - next2);
    largest2 = next2;
    let weights2 = exp(scores2 - vec4<f32>(max(largest2, 0.5f * -3.4028234663852886e38f)));
    sum2 = sum2 * scale2 + ((weights2.x + weights2.y) + (weights2.z + weights2.w));
    weights[(y * 4u + 2u) * 9u + x] = weights2;
    context2_0 *= scale2;
    var next3 = largest3;
    for (var other = 0u; other < 8u; other++) { next3 = max(next3, partials[(y * 4u + 3u) * 9u + other]); }
    let scale3 = exp(largest3 - next3);
    largest3 = next3;
    let weights3 = exp(scores3 - vec4<f32>(max(largest3, 0.5f * -3.4028234663852886e38f)));
    sum3 = sum3 * scale3 + ((weights3.x + weights3.y) + (weights3.z + weights3.w));
    weights[(y * 4u + 3u) * 9u + x] = weights3;
    context3_0 *= scale3;
    keys_or_values[local_index / 8u * 9u + local_index / 8u / 4u + local_index % 8u] = value_unit0;
    keys_or_values[(local_index + 64u) / 8u * 9u + (local_index + 64u) / 8u / 4u + (local_index + 64u) % 8u] = value_unit1;
    keys_or_values[(local_index + 128u) / 8u * 9u + (local_index + 128u) / 8u / 4u + (local_index + 128u) % 8u] = value_unit2;
    keys_or_values[(local_index + 192u) / 8u * 9u + (local_index + 192u) / 8u / 4u + (local_index + 192u) % 8u] = value_unit3;
    // The next tile's loads are in flight while this one is multiplied.
    key_unit0 = load_key(head, min((key0 + 32u) + local_index / 8u, key_end - 1u), local_index % 8u * 4u);
    key_unit1 = load_key(head, min((key0 + 32u) + (local_index + 64u) / 8u, key_end - 1u), (local_index + 64u) % 8u * 4u);
    key_unit2 = load_key(head, min((key0 + 32u) + (local_index + 128u) / 8u, key_end - 1u), (local_index + 128u) % 8u * 4u);
    key_unit3 = load_key(head, min((key0 + 32u) + (local_index + 192u) / 8u, key_end - 1u), (local_index + 192u) % 8u * 4u);
    value_unit0 = load_value(head, min((key0 + 32u) + local_index / 8u, key_end - 1u), local_index % 8u * 4u);
    value_unit1 = load_value(head, min((key0 + 32u) + (local_index + 64u) / 8u, key_end - 1u), (local_index + 64u) % 8u * 4u);
    value_unit2 = load_value(head, min((key0 + 32u) + (local_index + 128u) / 8u, key_end - 1u), (local_index + 128u) % 8u * 4u);
    value_unit3 = load_value(head, min((key0 + 32u) + (local_index + 192u) / 8u, key_end - 1u), (local_index + 192u) % 8u * 4u);
    workgroupBarrier();
    for (var key_group_first = 0u; key_group_first < 2u; key_group_first++) {
      {
        let key_group = key_group_first * 4u + 0u;
        let four0 = weights[(y * 4u + 0u) * 9u + key_group];
        let four1 = weights[(y * 4u + 1u) * 9u + key_group];
        let four2 = weights[(y * 4u + 2u) * 9u + key_group];
        let four3 = weights[(y * 4u + 3u) * 9u + key_group];
        let value0_0 = keys_or_values[key_group * 37u + x];
        context0_0 = fma(vec4<f32>(four0.x), value0_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.x), value0_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.x), value0_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.x), value0_0, context3_0);
        let value1_0 = keys_or_values[key_group * 37u + 9u + x];
        context0_0 = fma(vec4<f32>(four0.y), value1_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.y), value1_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.y), value1_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.y), value1_0, context3_0);
        let value2_0 = keys_or_values[key_group * 37u + 18u + x];
        context0_0 = fma(vec4<f32>(four0.z), value2_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.z), value2_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.z), value2_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.z), value2_0, context3_0);
        let value3_0 = keys_or_values[key_group * 37u + 27u + x];
        context0_0 = fma(vec4<f32>(four0.w), value3_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.w), value3_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.w), value3_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.w), value3_0, context3_0);
      }
      {
        let key_group = key_group_first * 4u + 1u;
        let four0 = weights[(y * 4u + 0u) * 9u + key_group];
        let four1 = weights[(y * 4u + 1u) * 9u + key_group];
        let four2 = weights[(y * 4u + 2u) * 9u + key_group];
        let four3 = weights[(y * 4u + 3u) * 9u + key_group];
        let value0_0 = keys_or_values[key_group * 37u + x];
        context0_0 = fma(vec4<f32>(four0.x), value0_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.x), value0_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.x), value0_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.x), value0_0, context3_0);
        let value1_0 = keys_or_values[key_group * 37u + 9u + x];
        context0_0 = fma(vec4<f32>(four0.y), value1_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.y), value1_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.y), value1_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.y), value1_0, context3_0);
        let value2_0 = keys_or_values[key_group * 37u + 18u + x];
        context0_0 = fma(vec4<f32>(four0.z), value2_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.z), value2_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.z), value2_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.z), value2_0, context3_0);
        let value3_0 = keys_or_values[key_group * 37u + 27u + x];
        context0_0 = fma(vec4<f32>(four0.w), value3_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.w), value3_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.w), value3_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.w), value3_0, context3_0);
      }
      {
        let key_group = key_group_first * 4u + 2u;
        let four0 = weights[(y * 4u + 0u) * 9u + key_group];
        let four1 = weights[(y * 4u + 1u) * 9u + key_group];
        let four2 = weights[(y * 4u + 2u) * 9u + key_group];
        let four3 = weights[(y * 4u + 3u) * 9u + key_group];
        let value0_0 = keys_or_values[key_group * 37u + x];
        context0_0 = fma(vec4<f32>(four0.x), value0_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.x), value0_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.x), value0_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.x), value0_0, context3_0);
        let value1_0 = keys_or_values[key_group * 37u + 9u + x];
        context0_0 = fma(vec4<f32>(four0.y), value1_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.y), value1_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.y), value1_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.y), value1_0, context3_0);
        let value2_0 = keys_or_values[key_group * 37u + 18u + x];
        context0_0 = fma(vec4<f32>(four0.z), value2_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.z), value2_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.z), value2_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.z), value2_0, context3_0);
        let value3_0 = keys_or_values[key_group * 37u + 27u + x];
        context0_0 = fma(vec4<f32>(four0.w), value3_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.w), value3_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.w), value3_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.w), value3_0, context3_0);
      }
      {
        let key_group = key_group_first * 4u + 3u;
        let four0 = weights[(y * 4u + 0u) * 9u + key_group];
        let four1 = weights[(y * 4u + 1u) * 9u + key_group];
        let four2 = weights[(y * 4u + 2u) * 9u + key_group];
        let four3 = weights[(y * 4u + 3u) * 9u + key_group];
        let value0_0 = keys_or_values[key_group * 37u + x];
        context0_0 = fma(vec4<f32>(four0.x), value0_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.x), value0_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.x), value0_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.x), value0_0, context3_0);
        let value1_0 = keys_or_values[key_group * 37u + 9u + x];
        context0_0 = fma(vec4<f32>(four0.y), value1_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.y), value1_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.y), value1_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.y), value1_0, context3_0);
        let value2_0 = keys_or_values[key_group * 37u + 18u + x];
        context0_0 = fma(vec4<f32>(four0.z), value2_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.z), value2_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.z), value2_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.z), value2_0, context3_0);
        let value3_0 = keys_or_values[key_group * 37u + 27u + x];
        context0_0 = fma(vec4<f32>(four0.w), value3_0, context0_0);
        context1_0 = fma(vec4<f32>(four1.w), value3_0, context1_0);
        context2_0 = fma(vec4<f32>(four2.w), value3_0, context2_0);
        context3_0 = fma(vec4<f32>(four3.w), value3_0, context3_0);
      }
    }
  }
  workgroupBarrier();
  partials[(y * 4u + 0u) * 9u + x] = sum0;
  partials[(y * 4u + 1u) * 9u + x] = sum1;
  partials[(y * 4u + 2u) * 9u + x] = sum2;
  partials[(y * 4u + 3u) * 9u + x] = sum3;
  workgroupBarrier();
  var total0 = 0.0f;
  for (var other = 0u; other < 8u; other++) { total0 += partials[(y * 4u + 0u) * 9u + other]; }
  let norm0 = max(total0, 1.0f);
  if (first_query + y * 4u + 0u < extents.tokens) {
    if (x + 0u < 8u) { out0[(head * extents.tokens + query0) * 8u + ((x + 0u) * 4u) / 4u] = pack_halves((context0_0 / norm0)); }
  }
  var total1 = 0.0f;
  for (var other = 0u; other < 8u; other++) { total1 += partials[(y * 4u + 1u) * 9u + other]; }
  let norm1 = max(total1, 1.0f);
  if (first_query + y * 4u + 1u < extents.tokens) {
    if (x + 0u < 8u) { out0[(head * extents.tokens + query1) * 8u + ((x + 0u) * 4u) / 4u] = pack_halves((context1_0 / norm1)); }
  }
  var total2 = 0.0f;
  for (var other = 0u; other < 8u; other++) { total2 += partials[(y * 4u + 2u) * 9u + other]; }
  let norm2 = max(total2, 1.0f);
  if (first_query + y * 4u + 2u < extents.tokens) {
    if (x + 0u < 8u) { out0[(head * extents.tokens + query2) * 8u + ((x + 0u) * 4u) / 4u] = pack_halves((context2_0 / norm2)); }
  }
  var total3 = 0.0f;
  for (var other = 0u; other < 8u; other++) { total3 += partials[(y * 4u + 3u) * 9u + other]; }
  let norm3 = max(total3, 1.0f);
  if (first_query + y * 4u + 3u < extents.tokens) {
    if (x + 0u < 8u) { out0[(head * extents.tokens + query3) * 8u + ((x + 0u) * 4u) / 4u] = pack_halves((context3_0 / norm3)); }
  }
}

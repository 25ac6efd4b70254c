struct Extents {
  batch: u32,
  sequence: u32,
  keys: u32,
  tokens: u32,
}
@group(0) @binding(0) var<uniform> extents: Extents;
@group(0) @binding(1) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> in0: array<f32>;
@group(0) @binding(3) var<storage, read_write> in1: array<f32>;
@group(0) @binding(4) var<storage, read_write> in2: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> in3: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> vectors: array<vec4<f32>>;
var<workgroup> partials: array<vec4<f32>, 64>;
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) local_index: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= extents.tokens) { return; }
  let s0 = in0[(row * 2u)];
  var total1 = vec4<f32>(0.0f);
  for (var column2 = 0u; column2 < 2u; column2 += 4u) {
    let s3 = in0[(row * 2u + column2)];
    let s4 = in0[(row * 2u + min((column2 + 1u), 2u - 1u))];
    let s5 = in0[(row * 2u + min((column2 + 2u), 2u - 1u))];
    let s6 = in0[(row * 2u + min((column2 + 3u), 2u - 1u))];
    let v7 = vec4<f32>(s3, s4, s5, s6);
    let v8 = vec4<f32>(s0);
    let v9 = (v7 - v8);
    total1 += select(vec4<f32>(0.0f), v9, vec4<u32>(column2) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(2u));
  }
  let s10 = ((total1.x + total1.y) + (total1.z + total1.w));
  let s11 = (s10 / 2.0f);
  let s12 = (s0 + s11);
  var total13 = vec4<f32>(0.0f);
  for (var column14 = 0u; column14 < 2u; column14 += 4u) {
    let s15 = in1[(row * 2u + column14)];
    let s16 = in1[(row * 2u + min((column14 + 1u), 2u - 1u))];
    let s17 = in1[(row * 2u + min((column14 + 2u), 2u - 1u))];
    let s18 = in1[(row * 2u + min((column14 + 3u), 2u - 1u))];
    let v19 = vec4<f32>(s15, s16, s17, s18);
    let s20 = in0[(row * 2u + column14)];
    let s21 = in0[(row * 2u + min((column14 + 1u), 2u - 1u))];
    let s22 = in0[(row * 2u + min((column14 + 2u), 2u - 1u))];
    let s23 = in0[(row * 2u + min((column14 + 3u), 2u - 1u))];
    let v24 = vec4<f32>(s20, s21, s22, s23);
    let v25 = vec4<f32>(s12);
    let v26 = (v24 - v25);
    let v27 = (v26 * v26);
    let v28 = (vec4<f32>(32.0f) * v27);
    let v29 = (v19 + v28);
    total13 += select(vec4<f32>(0.0f), v29, vec4<u32>(column14) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(2u));
  }
  let s30 = ((total13.x + total13.y) + (total13.z + total13.w));
  let s31 = (s30 / 64.0f);
  let s32 = (s31 + 9.999999960041972e-13f);
  let s33 = sqrt(s32);
  let s34 = (1.0f / s33);
  var partial = vec4<f32>();
  for (var k = local_index * 4u; k < 64u; k += 256u) {
    let v35 = in2[row * 16u + k / 4u];
    let v36 = vec4<f32>(s12);
    let v37 = (v35 - v36);
    let v38 = vec4<f32>(s34);
    let v39 = (v37 * v38);
    let v40 = vectors[k / 4u];
    let v41 = (v39 * v40);
    let v42 = vectors[16u + k / 4u];
    let v43 = (v41 + v42);
    let part = v43;
    let v44 = in3[k / 4u];
    let v45 = in3[1u * 16u + k / 4u];
    partial += vec4<f32>(dot(part, v44), dot(part, v45), 0.0f, 0.0f);
  }
  partials[local_index] = partial;
  for (var stride = 32u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (local_index < stride) { partials[local_index] += partials[local_index + stride]; }
  }
  if (local_index == 0u) {
    let product = partials[0];
    let v46 = vectors[32u];
    let v47 = (product + v46);
    out0[row * 1u] = select(vec4<f32>(0.0f), v47, vec4<u32>(0u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(2u));
  }
}

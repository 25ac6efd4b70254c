struct Extents {
  batch: u32,
  sequence: u32,
  keys: u32,
  tokens: u32,
}
@group(0) @binding(0) var<uniform> extents: Extents;
@group(0) @binding(1) var<storage, read_write> out0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> in0: array<i32>;
@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) local_index: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local_index;
  if (index >= extents.tokens * ((extents.tokens + 3u) / 4u)) { return; }
  let row = index / ((extents.tokens + 3u) / 4u);
  let column = (index % ((extents.tokens + 3u) / 4u)) * 4u;
  let s0 = f32(in0[row]);
  let v1 = vec4<f32>(s0);
  let s2 = f32(in0[column]);
  let s3 = f32(in0[min((column + 1u), extents.tokens - 1u)]);
  let s4 = f32(in0[min((column + 2u), extents.tokens - 1u)]);
  let s5 = f32(in0[min((column + 3u), extents.tokens - 1u)]);
  let v6 = vec4<f32>(s2, s3, s4, s5);
  let v7 = select(vec4<f32>(0.0), vec4<f32>(1.0), v1 == v6);
  out0[row * ((extents.tokens + 3u) / 4u) + column / 4u] = select(vec4<f32>(0.0f), v7, vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(extents.tokens));
}

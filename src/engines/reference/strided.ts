/** Strided arrays: transposes, slices and broadcasts copy nothing. The interpreter's are float64. */
import { elementCount } from "../../tensor/tensor.ts";

export type Elements = Float32Array | Float64Array;

export interface Strided<T extends Elements = Float64Array> {
  readonly data: T;
  readonly shape: readonly number[];
  /** In elements, by axis; 0 broadcasts. */
  readonly strides: readonly number[];
  readonly offset: number;
}

export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis] as number;
  }
  return strides;
}

export function contiguous<T extends Elements>(data: T, shape: readonly number[]): Strided<T> {
  return { data, shape, strides: rowMajorStrides(shape), offset: 0 };
}

export function isContiguous({ data, shape, strides, offset }: Strided<Elements>): boolean {
  const expected = rowMajorStrides(shape);
  return (
    offset === 0 &&
    data.length === elementCount(shape) &&
    strides.every((stride, axis) => shape[axis] === 1 || stride === expected[axis])
  );
}

/** Broadcasts along new axes and axes of extent 1. */
export function broadcastTo(view: Strided, shape: readonly number[]): Strided {
  const missing = shape.length - view.shape.length;
  const strides = shape.map((_, axis) => {
    const viewAxis = axis - missing;
    return viewAxis < 0 || view.shape[viewAxis] === 1 ? 0 : (view.strides[viewAxis] as number);
  });
  return { data: view.data, shape, strides, offset: view.offset };
}

/**
 * Calls `visit` for every row (every index of all axes but the last) with the row's offset in each view. All views must
 * have the same shape.
 */
export function forEachRow(
  views: readonly Strided<Elements>[],
  visit: (row: number, offsets: readonly number[]) => void,
): void {
  const shape = views[0]?.shape ?? [];
  const outer = shape.slice(0, -1);
  const rows = elementCount(outer);
  const index = new Array<number>(outer.length).fill(0);
  const offsets = views.map((view) => view.offset);
  for (let row = 0; row < rows; row++) {
    visit(row, offsets);
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const next = ((index[axis] as number) + 1) % (outer[axis] as number);
      const steps = next - (index[axis] as number);
      index[axis] = next;
      for (let which = 0; which < views.length; which++) {
        offsets[which] =
          (offsets[which] as number) + steps * ((views[which] as Strided<Elements>).strides[axis] as number);
      }
      if (next !== 0) break;
    }
  }
}

/**
 * The same elements in the same order with as few axes as possible, for long rows: drops axes of extent 1 and merges
 * axes that are contiguous with each other.
 */
function mergeAxes<T extends Elements>(view: Strided<T>): Strided<T> {
  const [shape, strides]: [number[], number[]] = [[], []];
  view.shape.forEach((extent, axis) => {
    const stride = view.strides[axis] as number;
    if (extent === 1) return;
    if (strides.at(-1) === extent * stride) shape[shape.length - 1] = (shape.at(-1) as number) * extent;
    else shape.push(extent);
    strides[shape.length - 1] = stride;
  });
  return { ...view, shape, strides };
}

/** The elements in row-major order, without a copy if they already are. */
export function toContiguous<T extends Elements>(source: Strided<T>): T {
  if (isContiguous(source)) return source.data;
  const view = mergeAxes(source);
  const width = view.shape.at(-1) ?? 1;
  const stride = view.strides.at(-1) ?? 0;
  const { data } = view;
  const Data = data.constructor as new (length: number) => T;
  const target = new Data(elementCount(view.shape));
  forEachRow([view], (row, offsets) => {
    let from = offsets[0] as number;
    const to = row * width;
    for (let column = 0; column < width; column++, from += stride) target[to + column] = data[from] as number;
  });
  return target;
}

/** Concatenates along `axis` into a new array of `shape`. */
export function concatenated(views: readonly Strided[], axis: number, shape: readonly number[]): Strided {
  const result = contiguous(new Float64Array(elementCount(shape)), shape);
  const strides = result.strides;
  let start = 0;
  for (const view of views) {
    const target: Strided = {
      data: result.data,
      shape: view.shape,
      strides,
      offset: start * (strides[axis] as number),
    };
    copyInto(target, view);
    start += view.shape[axis] as number;
  }
  return result;
}

function copyInto(target: Strided, view: Strided): void {
  const width = view.shape.at(-1) ?? 1;
  const [toStep, fromStep] = [target.strides.at(-1) ?? 0, view.strides.at(-1) ?? 0];
  forEachRow([target, view], (_, offsets) => {
    const [to, from] = offsets as [number, number];
    for (let column = 0; column < width; column++) {
      target.data[to + column * toStep] = view.data[from + column * fromStep] as number;
    }
  });
}

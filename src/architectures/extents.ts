/** Extents of parameters with the field of `config.json` that they come from, so that errors can name it. */

export interface NamedExtent {
  /** Of the field; absent for a fixed extent. */
  readonly field?: string;
  readonly size: number;
}

export type ParameterShapes = ReadonlyMap<string, readonly NamedExtent[]>;

export const extent = (field: string, size: number): NamedExtent => ({ field, size });

export const fixed = (size: number): NamedExtent => ({ size });

/** The weight and bias of a dense layer. */
export function denseParameters(
  name: string,
  outputs: NamedExtent,
  inputs: NamedExtent,
): [string, readonly NamedExtent[]][] {
  return [
    [`${name}.weight`, [outputs, inputs]],
    [`${name}.bias`, [outputs]],
  ];
}

export function normParameters(name: string, width: NamedExtent): [string, readonly NamedExtent[]][] {
  return [
    [`${name}.weight`, [width]],
    [`${name}.bias`, [width]],
  ];
}

/** Rows of a question-answering head: start logit and end logit. */
export const QA_LABELS = 2;

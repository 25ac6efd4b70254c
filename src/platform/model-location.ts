/** What names a model, before it is known where its files are. */

/** Name of the model in the package. */
export const builtInModel = "built-in";

export interface ModelLocation {
  /** Absent: the built-in model. */
  readonly model: string | undefined;
  /** For a model on the hub: a branch, tag or commit. */
  readonly revision: string | undefined;
}

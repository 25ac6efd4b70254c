/**
 * Where a model's files come from, as the rest of this room sees it: a folder, the Hugging Face hub, a web server or
 * memory all look the same. Files are read piece by piece; nobody needs a whole one in memory.
 */

/** Random access to the bytes of one file. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /**
   * Bytes `start` up to, not including, `end`. The result may be a view of shared memory: do not write to it.
   * @throws CheckpointError if the file ends before `end` or cannot be read.
   */
  read(start: number, end: number): Promise<Uint8Array>;
  /** Gives back what the source holds open. Calling it again does nothing. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Stops a download. Whoever waits for it then gets the signal's own reason, as from `fetch`. */
  readonly signal?: AbortSignal;
  /** Larger files are not wanted: a download ends with a CheckpointError as soon as it is known to be longer. */
  readonly maxBytes?: number;
  /** Told while a file is fetched from far away, with the bytes so far and, where known, the whole. */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

export interface DownloadProgress {
  readonly file: string;
  readonly loaded: number;
  readonly total: number | undefined;
}

/** The files of one model. */
export interface ModelFiles {
  /** What a person calls this model: an id, a folder, a URL. For messages and results. */
  readonly name: string;
  /** Opens a file by its path inside the model; `undefined` when the model has no such file. */
  open(path: string, options?: OpenOptions): Promise<ByteSource | undefined>;
}

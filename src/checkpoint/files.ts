/**
 * The interface of model files: a folder, the Hugging Face hub, a web server or memory. Files are read in pieces, so
 * that no whole file need be in memory.
 */

/** Random access to the bytes of one file. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /**
   * Reads bytes [start, end). The result may be a view of shared memory: do not write to it.
   * @throws CheckpointError if the file ends before `end` or cannot be read.
   */
  read(start: number, end: number): Promise<Uint8Array>;
  /** Releases the source's resources; idempotent. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Aborts a download; the promise rejects with the signal's reason, as in `fetch`. */
  readonly signal?: AbortSignal;
  /** A download that is longer ends with a CheckpointError as soon as that is known. */
  readonly maxBytes?: number;
  /** Called during a download, with the bytes so far and, if known, in total. */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

export interface DownloadProgress {
  readonly file: string;
  readonly loaded: number;
  readonly total: number | undefined;
}

/** The files of one model. */
export interface ModelFiles {
  /** An id, a folder, a URL. For messages and results. */
  readonly name: string;
  /** Opens a file by its path inside the model; `undefined` if there is no such file. */
  open(path: string, options?: OpenOptions): Promise<ByteSource | undefined>;
}

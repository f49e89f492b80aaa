/** What goes wrong, each with a code that a program can branch on. */

/**
 * Codes of errors:
 *
 * - `cancelled`: the caller's signal said so; such an error is called `AbortError`, as elsewhere.
 * - `closed`: the scorer was closed.
 * - `argument`: something was given that cannot be used; the message says what it must be.
 * - `download`, `corrupt_download`: a file could not be fetched, or is another one.
 * - `forbidden`: the page's Content-Security-Policy lets no WebAssembly be compiled.
 * - `worker`: the worker could not be started, as where the package lies on another server.
 * - `no_webgpu`, `no_adapter`, `no_answer`, `device`, `device_lost`, `inaccurate`, `slow`: WebGPU.
 * - `model`: the model's files are no model that can be used.
 * - `row`: the molecule cannot be read, or not by the model; the message says why.
 * - `file`, `no_smiles_column`, `unknown_column`: the file is none that can be read, or lacks the
 *   column.
 * - `crashed`: the engine stopped, again and again.
 * - `unexpected`: none of these.
 *
 * Others may be added.
 */
export type ErrorCode =
  | "cancelled"
  | "closed"
  | "argument"
  | "download"
  | "corrupt_download"
  | "forbidden"
  | "worker"
  | "no_webgpu"
  | "no_adapter"
  | "no_answer"
  | "device"
  | "device_lost"
  | "inaccurate"
  | "slow"
  | "model"
  | "row"
  | "file"
  | "no_smiles_column"
  | "unknown_column"
  | "crashed"
  | "unexpected"
  // Any other, without taking the ones above from an editor's suggestions.
  | (string & {});

/** An error as it is told by a worker. */
export interface FailureData {
  code: ErrorCode;
  message: string;
  /** The file's columns, when the fault is that none holds SMILES. */
  columns: string[] | null;
  /** The offending character of a text, from 0, where one is to blame. */
  position?: number;
}

/** An error with a code that a program can branch on, and a message for people. */
export class DelicateError extends Error {
  readonly code: ErrorCode;
  /** The file's columns, when the fault is that none holds SMILES. */
  readonly columns: string[] | null;
  /** The offending character of a text, from 0, where one is to blame. */
  readonly position: number | null;

  constructor(
    {
      code,
      message,
      columns = null,
      position,
    }: Omit<FailureData, "columns"> & Partial<FailureData>,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.name = this.code === "cancelled" ? "AbortError" : "DelicateError";
    this.columns = columns;
    this.position = position ?? null;
  }
}

/** Anything thrown, as one of ours. */
export function typed(error: unknown): DelicateError {
  if (error instanceof DelicateError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new DelicateError({ code: "unexpected", message }, { cause: error });
}

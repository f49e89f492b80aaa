/** The messages to the workers and back; what they carry has the types of the wasm modules. */

import type {
  Depiction,
  depict,
  descriptors,
  drawnSmiles,
  Engine,
  EngineInfo,
  Explanation,
  ExportColumns,
  Given,
  Header,
  Pattern,
  Piece,
  Probe,
  Ranking,
  Row,
  RowResult,
  Scores,
  SimilarityName,
  Table,
  Written as WrittenPart,
} from "delicate-cpu/delicate.js";
import type { FailureData } from "./errors.js";

// Generated from the Rust types, which say what each field means.
export type {
  AddedColumn,
  Depiction,
  Domain,
  Endpoint,
  EndpointTask,
  EngineInfo,
  Explanation,
  Given,
  Header,
  Interval,
  ModelInfo,
  Neighbour,
  NotHeld,
  Piece,
  Prediction,
  Probe,
  Ranking,
  Row,
  RowError,
  RowResult,
  RowState,
  Scores,
  SimilarityName,
  Standardization,
} from "delicate-cpu/delicate.js";

export type BackendName = EngineInfo["backend"];

export type Precision = EngineInfo["precision"];

export type ExportFormat = "csv" | "tsv" | "json" | "jsonl" | "sdf";

/** What the workers use of either module. */
export interface WasmModule {
  default(options: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  Engine: Pick<typeof Engine, "load">;
  Table: Pick<typeof Table, "open" | "of">;
  Pattern: Pick<typeof Pattern, "parse">;
  depict: typeof depict;
  descriptors: typeof descriptors;
  drawnSmiles: typeof drawnSmiles;
}

/** A file that a worker fetches. */
export interface Download {
  url: string;
  /** 0 where it is not known. */
  bytes: number;
  /** Null where whoever reads the file compares it. */
  sha256: string | null;
}

/** A file that a worker fetches, or its contents. */
export type ModelPart = Download | Uint8Array;

export interface ModelFiles {
  config: ModelPart;
  weights: ModelPart;
  vocab: ModelPart;
  /** Not every model knows its domain. */
  domain: ModelPart | null;
  /**
   * Values need nothing of the domain, so that they may be had before it has come. Unknown, they
   * may.
   */
  domainFollows?: boolean;
}

/** What one worker has fetched and others of its kind need not. */
export interface Shared {
  module: WebAssembly.Module;
  /** The domain as it was given, where it could not be had. */
  model: ModelFiles & Record<"config" | "weights" | "vocab", Uint8Array>;
}

/** Sent once, first. */
export interface Start {
  call: "start";
  /** Fetched where it is not given. */
  module: WebAssembly.Module | null;
  moduleBytes: number;
  /** That of the encoder; null for the faster one. */
  precision: Precision | null;
  model: ModelFiles;
  /** What similarity is taken of; loaded when it is needed. */
  embedding: ModelFiles | null;
}

/** Stops the scoring in progress after its current batch. */
export interface Cancel {
  call: "cancel";
}

/** A user's file or pasted text, and which of its columns to read. */
export interface Source {
  name: string;
  bytes: Uint8Array;
  /** By name, or by place from 0. */
  smilesColumn?: string | number;
  idColumn?: string | number;
}

export interface Opened extends Header {
  format: TableFormat;
  length: number;
  fault: string | null;
  /** What was chosen or left out while reading, a sentence each. */
  notes: string[];
}

/** A list of molecules, a table of cells, or mol blocks. */
export type TableFormat = "smi" | "csv" | "sdf";

/** Names an open table; no two have the same. */
export type TableId = number;

/** What is asked of a worker, in order. Whatever is about a table names it. */
export interface Calls {
  open: { args: Source & { table: TableId }; result: Opened };
  close: { args: { table: TableId }; result: null };
  rows: { args: { table: TableId; start: number; end: number }; result: Row[] };
  /** `early`: values alone will do, where the model's domain has not come yet. */
  score: {
    args: { table: TableId; start: number; end: number; early: boolean };
    result: Piece & { early?: boolean };
  };
  /** Molecules of a table, to be scored by another worker. */
  molecules: { args: { table: TableId; start: number; end: number }; result: (Given | null)[] };
  scoreMolecules: { args: { molecules: (Given | null)[] }; result: Piece };
  explain: { args: { table: TableId; row: number }; result: Explanation };
  /** The rows given, in that order, with what was found of them. */
  export: {
    args: {
      table: TableId;
      format: ExportFormat;
      rows: Uint32Array;
      results: RowResult[];
      scores: Scores;
      columns: ExportColumns;
    };
    result: WrittenPart;
  };
  /** Whether each row has a substructure: 0 no, 1 yes, 2 not known. */
  matches: {
    args: { table: TableId; smarts: string; start: number; end: number };
    result: Uint8Array;
  };
  /** Places in the mol blocks of the atoms that a substructure is found at. */
  matched: { args: { table: TableId; smarts: string; rows: number[] }; result: Uint32Array[] };
  /** Mol blocks to draw rows from; null for those that cannot be drawn. */
  blocks: { args: { table: TableId; rows: number[] }; result: (string | null)[] };
  /** SMILES of rows as they were given; null for those without a molecule. */
  smiles: { args: { table: TableId; rows: number[] }; result: (string | null)[] };
  depict: { args: { smiles: string }; result: Depiction };
  descriptors: { args: { smiles: string }; result: Record<string, number> };
  /** The SMILES of what a mol block draws. */
  drawnSmiles: { args: { block: string }; result: string };
  /** How near the rows of a table are to those of another. */
  rank: { args: { table: TableId; actives: TableId; by: SimilarityName }; result: Ranking };
  probe: { args: null; result: Probe };
  /** Tries once more to have the model's domain, which could not be had; null where it is there. */
  domain: { args: null; result: Uint8Array | null };
}

export type Call = keyof Calls;

/** Answered at once, between two batches of a run: they take no time, and somebody looks at them. */
export const IMMEDIATE: ReadonlySet<Call> = new Set([
  "blocks",
  "smiles",
  "matched",
  "depict",
  "descriptors",
  "drawnSmiles",
  "molecules",
  "domain",
]);

/** What waits for no other call, or for all of them: nobody waits for how fast an engine is. */
export const OUT_OF_TURN: ReadonlySet<Call> = new Set([...IMMEDIATE, "probe"]);

export type Request = { [C in Call]: { id: number; call: C; args: Calls[C]["args"] } }[Call];

export type ToWorker = Start | Cancel | Request;

export type FromWorker =
  | { type: "progress"; part: "module" | "model"; loaded: number; total: number }
  | { type: "ready"; info: EngineInfo }
  | { type: "shared"; shared: Shared }
  /**
   * Why the model's domain cannot be had, so that values come without it; null once the worker has
   * all that it will have of its model.
   */
  | { type: "domain"; missing: FailureData | null }
  /**
   * Of a browser's worker, its first word: the name of the lock that it holds for as long as it
   * lives; null where it is given none.
   */
  | { type: "alive"; lock: string | null }
  | { type: "failed"; failure: FailureData }
  | { type: "scoring"; id: number; done: number }
  | { type: "result"; id: number; value: unknown }
  | { type: "error"; id: number; failure: FailureData };

/** The wasm modules' contract and the messages between the page and its workers. */

export type BackendName = "cpu" | "webgpu";

export interface Endpoint {
  name: string;
  title: string;
  unit: string;
  description: string;
}

export interface EngineInfo {
  backend: BackendName;
  adapter: string;
  /** The adapter runs on the CPU: correct, but slow. */
  software: boolean;
  model: {
    name: string;
    preset: string;
    parameters: number;
    license: string;
    hidden: number;
    layers: number;
    maxLength: number;
    endpoints: Endpoint[];
  };
}

export interface RowError {
  /** A sentence for the user. */
  message: string;
  /** A code that stays the same from release to release. */
  reason: string;
  /** The offending character of the SMILES without the blanks around it, counted from 0. */
  position: number | null;
}

export interface Score {
  value: number;
  unit: string;
}

/** What scoring adds to a row. */
export interface RowResult {
  state: "pending" | "scored" | "failed";
  error: RowError | null;
  scores: Record<string, Score> | null;
}

export interface Row extends RowResult {
  fields: string[];
}

export interface Columns {
  columns: string[];
  /** Null where the structures are mol blocks. */
  smiles: number | null;
  id: number | null;
}

export type Domain = "in" | "borderline" | "out";

/** How far the prediction of one endpoint can be trusted. */
export interface Assessment {
  /** Null where the model does not know it for this endpoint. */
  domain: Domain | null;
  /** Half the 90 % interval, in the endpoint's unit; null where there is none, as for a class. */
  half_width: number | null;
  /** The nearest molecule that was trained on, and its Tanimoto similarity. */
  nearest: { smiles: string; similarity: number } | null;
}

/** What the prediction of one row rests on. */
export interface Explanation {
  /** The molecule as it was scored. */
  smiles: string;
  /** One an endpoint, in the model's order. */
  values: number[];
  /** One an endpoint; null for a model that does not know its domain. */
  assessments: Assessment[] | null;
  /** The heavy atoms in the order of `smiles`: their characters there, and their share in each endpoint's value. */
  atoms: { range: { start: number; end: number }; contributions: number[] }[];
}

export type ExportFormat = "csv" | "json" | "jsonl";

export interface WasmEngine {
  info(): EngineInfo;
  /** Molecules per second for one real batch, after a warm-up. */
  probe(): Promise<number>;
  free(): void;
}

export interface WasmTable {
  readonly length: number;
  /** Why the rest of the file could not be read, if so. */
  readonly fault: string | undefined;
  columns(): Columns;
  rows(start: number, end: number): Row[];
  /** Puts back results that another module's table gave, before a switch or a crash. */
  restore(engine: WasmEngine, start: number, results: RowResult[]): void;
  score(
    engine: WasmEngine,
    start: number,
    end: number,
    onProgress: (done: number, total: number) => boolean,
  ): Promise<number>;
  explain(engine: WasmEngine, row: number): Promise<Explanation>;
  export(format: ExportFormat): Uint8Array;
  free(): void;
}

export interface WasmModule {
  default(options: { module_or_path: Response | Promise<Response> }): Promise<unknown>;
  Engine: {
    load(
      backend: BackendName,
      config: Uint8Array,
      weights: Uint8Array,
      vocab: Uint8Array,
      domain?: Uint8Array,
    ): Promise<WasmEngine>;
  };
  Table: {
    open(name: string, bytes: Uint8Array, smilesColumn?: string, idColumn?: string): WasmTable;
  };
}

/** A file that a worker fetches. */
export interface Download {
  url: string;
  bytes: number;
  sha256: string;
}

/** Sent once, first. */
export interface Start {
  call: "start";
  moduleBytes: number;
  /** Not every model knows its domain. */
  model: { config: Download; weights: Download; vocab: Download; domain: Download | null };
}

/** Stops the scoring in progress after its current batch. */
export interface Cancel {
  call: "cancel";
}

/** A user's file or pasted text, and which of its columns to read. */
export interface Source {
  name: string;
  bytes: Uint8Array;
  smilesColumn?: string;
  idColumn?: string;
}

export interface Opened extends Columns {
  length: number;
  fault: string | null;
}

/** What the page asks of a worker, in order; one table is open at a time. */
export interface Calls {
  open: { args: Source; result: Opened };
  rows: { args: { start: number; end: number }; result: Row[] };
  restore: { args: { start: number; results: RowResult[] }; result: null };
  score: { args: { start: number; end: number }; result: RowResult[] };
  explain: { args: { row: number }; result: Explanation };
  probe: { args: null; result: number };
  export: { args: { format: ExportFormat }; result: Uint8Array };
}

export type Call = keyof Calls;

export type Request = { [C in Call]: { id: number; call: C; args: Calls[C]["args"] } }[Call];

export type ToWorker = Start | Cancel | Request;

export type FromWorker =
  | { type: "progress"; part: "module" | "model"; loaded: number; total: number }
  | { type: "ready"; info: EngineInfo }
  | { type: "failed"; failure: FailureData }
  | { type: "scoring"; id: number; done: number }
  | { type: "result"; id: number; value: unknown }
  | { type: "error"; id: number; failure: FailureData };

export interface FailureData {
  code: string;
  message: string;
  /** The file's columns, when the fault is that none holds SMILES. */
  columns: string[] | null;
}

/** An error with a code that a program can branch on. */
export class Failure extends Error {
  readonly code: string;
  readonly columns: string[] | null;

  constructor({ code, message, columns }: FailureData) {
    super(message);
    this.name = "Failure";
    this.code = code;
    this.columns = columns;
  }
}

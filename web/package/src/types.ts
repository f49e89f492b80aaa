/** What a scorer is given and what it gives. */

import type { EngineInfo, Prediction, RowError, Standardization } from "delicate-cpu/delicate.js";
import type { DelicateError } from "./errors.js";

// Generated from the Rust types, which say what each field means.
export type {
  AtomContribution,
  Depiction,
  Domain,
  Endpoint,
  EndpointTask,
  EngineInfo,
  Explanation,
  Interval,
  ModelInfo,
  Neighbour,
  Prediction,
  RowError,
  Standardization,
} from "delicate-cpu/delicate.js";

export interface ScorerOptions {
  /** Ends the loading. */
  signal?: AbortSignal | undefined;
  /**
   * What computes. `"cpu"`, the default, is a small download and ready soonest. `"webgpu"` is for
   * many molecules on a graphics card, and an error where there is none. `"auto"` begins on the CPU
   * and changes to WebGPU when that proves faster and its numbers are the same.
   */
  backend?: "cpu" | "webgpu" | "auto" | undefined;
  /**
   * What the CPU computes the encoder in. `"int8"`, the default, is several times as fast as
   * `"fp32"`; their values differ by about 0.005 standard deviations of an endpoint.
   */
  precision?: "int8" | "fp32" | undefined;
  /** Workers that score beside each other on the CPU: by default one a core, at most 8. */
  workers?: number | undefined;
  /** Another model than the one inside. */
  model?: ModelSource | undefined;
  /** Told how far the loading is. */
  onLoading?: ((loading: Loading) => void) | undefined;
  /**
   * Told where the file of the model's domain cannot be had: predictions have their values, and
   * `null` for interval, domain and nearest molecule. `Scorer.loadDomain` tries again.
   */
  onDomainMissing?: ((error: DelicateError) => void) | undefined;
}

/**
 * A model directory, as `delicate finetune` leaves one: its address (in Node.js also a path), or
 * the contents of its files.
 */
export type ModelSource = string | URL | ModelContents;

export interface ModelContents {
  /** `config.json` */
  config: Uint8Array | ArrayBuffer;
  /** `model.safetensors` */
  weights: Uint8Array | ArrayBuffer;
  /** `vocab.txt` */
  vocab: Uint8Array | ArrayBuffer;
  /** `domain.json.gz`, where the model has one. */
  domain?: Uint8Array | ArrayBuffer | null;
}

export interface Loading {
  /** The engine comes first. */
  part: "module" | "model";
  /** In bytes. */
  loaded: number;
  /** 0 where it is not known. */
  total: number;
}

/** A SMILES, alone or with what identifies it. */
export type Molecule = string | { smiles: string; id?: string | undefined };

/** A file or a text as a user has it: `.smi`, `.csv`, `.tsv`, `.sdf`, `.mol`, `.xlsx`, also as `.gz`, `.zst` or in a `.zip`. */
export interface MoleculeFile {
  /** Tells the format; where it does not, the contents do. */
  name?: string | undefined;
  contents: Uint8Array | string;
  /**
   * The columns to read, by name or by place from 0, which tells columns of one name apart; found
   * where they are not given.
   */
  smilesColumn?: string | number | undefined;
  idColumn?: string | number | undefined;
}

export interface ScoreOptions {
  /** Ends the scoring after the current batch. */
  signal?: AbortSignal | undefined;
}

/** What was found of one molecule. */
export type Row = ScoredRow | FailedRow;

interface RowBase {
  /** From 0, in the order given. */
  index: number;
  /** As it was given; empty for a mol block. */
  smiles: string;
  /** As it was given; null where nothing was. */
  id: string | null;
}

/** A prediction of a row; where it stands among known molecules says `explain`. */
export type RowPrediction = Omit<Prediction, "percentile">;

export interface ScoredRow extends RowBase {
  /** One an endpoint of the model, in its order. */
  predictions: RowPrediction[];
  /** The molecule that was scored, and what was done to it before. */
  standardization: Standardization;
  /** What the encoder computed in: `"auto"` may change from the CPU's `"int8"` to WebGPU's `"fp32"`. */
  precision: EngineInfo["precision"];
  error: null;
}

/** A molecule that cannot be scored; the others are. */
export interface FailedRow extends RowBase {
  predictions: null;
  standardization: Standardization | null;
  error: RowError;
}

export type BackendName = EngineInfo["backend"];

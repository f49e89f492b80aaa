/** What the build knows of the model it was given; see vite.config.ts. */
declare module "virtual:model" {
  interface BuiltFile {
    /** Relative to the page. */
    url: string;
    bytes: number;
    sha256: string;
  }
  export const name: string;
  /** In its weights. */
  export const parameters: number;
  interface BuiltFiles {
    config: BuiltFile;
    weights: BuiltFile;
    vocab: BuiltFile;
    domain: BuiltFile | null;
  }
  export const files: BuiltFiles;
  /** Whether the model predicts without its domain. */
  export const domainFollows: boolean;
  /** Of the model that similarity is taken of. */
  export const embedding: BuiltFiles;
  /** SHA-256 of what computes, the modules of both engines. */
  export const code: string;
  export const moduleBytes: { cpu: number; webgpu: number };
}

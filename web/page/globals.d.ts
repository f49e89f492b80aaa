/** What the build knows of the model it was given; see vite.config.ts. */
declare module "virtual:model" {
  interface BuiltFile {
    /** Relative to the page. */
    url: string;
    bytes: number;
    sha256: string;
  }
  export const name: string;
  export const files: {
    config: BuiltFile;
    weights: BuiltFile;
    vocab: BuiltFile;
    domain: BuiltFile | null;
  };
  export const moduleBytes: { cpu: number; webgpu: number };
}

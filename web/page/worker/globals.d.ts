/** The files to keep for offline use with their hashes, and whether only WebGPU needs them; filled in by the build. */
declare const __FILES__: [path: string, integrity: string, webgpu: boolean][];
/** Differs whenever a file does; filled in by the build. */
declare const __BUILD__: string;

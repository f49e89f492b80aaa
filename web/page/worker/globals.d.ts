/** The files to keep for offline use with their hashes; filled in by the build. */
declare const __FILES__: [path: string, integrity: string][];
/** Differs whenever a file does; filled in by the build. */
declare const __BUILD__: string;

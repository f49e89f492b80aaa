// The wasm modules are built outside this folder, so types come from the
// contract in ../protocol.ts rather than from wasm-bindgen's output.
declare module "delicate-*/delicate.js" {
  const Engine: import("../protocol.js").WasmModule["Engine"];
  const Table: import("../protocol.js").WasmModule["Table"];
  const init: import("../protocol.js").WasmModule["default"];

  export { Engine, init as default, Table };
}

/** The files to keep for offline use with their hashes; filled in by the build. */
declare const __FILES__: [path: string, integrity: string][];
/** Differs whenever a file does; filled in by the build. */
declare const __BUILD__: string;

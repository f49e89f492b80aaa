import { readFile } from "node:fs/promises";
import { parentPort, type TransferListItem } from "node:worker_threads";
import * as glue from "delicate-cpu/delicate.js";
import type { ToWorker } from "../protocol.js";
import { type Host, serve } from "../worker/serve.js";

const node: Host = {
  send: (message, transfer = []) =>
    parentPort?.postMessage(message, transfer as TransferListItem[]),
  listen(receive) {
    parentPort?.on("message", (message: ToWorker) => receive(message));
  },
  async fetch(url) {
    if (!url.startsWith("file:")) return fetch(url);
    return new Response(await readFile(new URL(url)));
  },
};

const wasm = new URL("../../../pkg/cpu/delicate_bg.wasm", import.meta.url).href;
serve("cpu", glue, wasm, node);

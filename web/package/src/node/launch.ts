/** Starts workers in Node.js. */

import { Worker } from "node:worker_threads";
import type { Launch } from "../backend.js";
import { DelicateError } from "../errors.js";
import type { FromWorker } from "../protocol.js";

export const launch: Launch = (_, on) => {
  const worker = start();
  // A program ends once nothing is asked of a worker, closed or not.
  const waiting = new Set<number | "start">();
  const count = (): void => {
    if (waiting.size > 0) worker.ref();
    else worker.unref();
  };
  let alive = false;
  worker.on("message", (message: FromWorker) => {
    alive = true;
    if (message.type === "ready" || message.type === "failed") waiting.delete("start");
    else if (message.type === "result" || message.type === "error") waiting.delete(message.id);
    count();
    on.message(message);
  });
  worker.on("error", (error) => {
    on.error({ code: alive ? "crashed" : "worker", message: error.message, columns: null });
  });
  // By itself, as by process.exit(); one that was ended is asked nothing more.
  worker.on("exit", () => {
    on.error({ code: "crashed", message: "the worker ended without a word", columns: null });
  });
  return {
    postMessage(message) {
      if (message.call === "start") waiting.add("start");
      // Nobody waits for how fast it is.
      else if (message.call !== "cancel" && message.call !== "probe") waiting.add(message.id);
      count();
      worker.postMessage(message);
    },
    terminate: () => worker.terminate(),
  };
};

function start(): Worker {
  try {
    return new Worker(new URL("./worker/node.js", import.meta.url), { name: "delicate" });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `the worker could not be started: ${why}`;
    throw new DelicateError({ code: "worker", message }, { cause });
  }
}

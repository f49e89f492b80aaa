/** Starts workers in a browser. */

import { afterAwake } from "./awake.js";
import type { Launch } from "./backend.js";
import { workersFor } from "./engines.js";
import { DelicateError } from "./errors.js";
import type { BackendName, FromWorker } from "./protocol.js";

/**
 * Until its first word nothing tells whether a worker has ended. It says it once its script, some
 * 30 kB, is there: this is for slow networks.
 */
const UNHEARD_MS = 60_000;

export const launch: Launch = (name, on) => {
  const worker = start(name);
  let alive = false;
  const heard = afterAwake(UNHEARD_MS, () => on.error(UNHEARD));
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    alive = true;
    if (data.type !== "alive") {
      on.message(data);
      return;
    }
    heard();
    // One without a lock that hangs or ends is known by its silence.
    if (data.lock !== null) void ended(data.lock).then(() => on.error(ENDED));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    const { code, message } = alive ? ENDED : { code: "worker", message: UNSTARTED };
    on.error({ code, message: event.message || message, columns: null });
  };
  return worker;
};

const UNSTARTED =
  "the worker could not be started: its file must come from the page's own server, and the page's Content-Security-Policy must allow it";

const UNHEARD = {
  code: "worker",
  message: `the worker did not start within ${UNHEARD_MS / 1_000} s: check the network`,
  columns: null,
};

const ENDED = { code: "crashed", message: "the worker ended without a word", columns: null };

/** Resolves when the worker that holds this lock is gone. */
const ended = (lock: string): Promise<void> =>
  navigator.locks.request(lock, () => undefined).catch(() => new Promise(() => undefined));

/** Workers for this browser's cores and, where it tells, its memory. */
export function browserWorkers(): number {
  // A number of GiB, of Chromium alone.
  const { deviceMemory } = navigator as { deviceMemory?: number };
  return workersFor(navigator.hardwareConcurrency, deviceMemory);
}

// Written out, because bundlers look for these very words.
function start(name: BackendName): Worker {
  try {
    return name === "cpu"
      ? new Worker(new URL("./worker/cpu.ts", import.meta.url), {
          type: "module",
          name: "delicate-cpu",
        })
      : new Worker(new URL("./worker/webgpu.ts", import.meta.url), {
          type: "module",
          name: "delicate-webgpu",
        });
  } catch (cause) {
    throw new DelicateError({ code: "worker", message: UNSTARTED }, { cause });
  }
}

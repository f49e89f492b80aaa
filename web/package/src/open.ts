/** Loading a model. */

import type { Launch } from "./backend.js";
import { Engines } from "./engines.js";
import { DelicateError, type FailureData, typed } from "./errors.js";
import type { ModelFiles } from "./protocol.js";
import { Scorer } from "./scorer.js";
import { linked, refuseAborted, within } from "./signals.js";
import type { BackendName, ModelSource, ScorerOptions } from "./types.js";

/** What differs between browsers and Node.js. */
export interface Platform {
  launch: Launch;
  /** Null for the model inside. */
  model(source: ModelSource | null, signal: AbortSignal): Promise<ModelFiles>;
  moduleBytes: Record<BackendName, number>;
  /** Workers that score beside each other on the CPU, where nobody says how many. */
  workers: number;
  /** Whether `"webgpu"` and `"auto"` can mean anything. */
  webgpu: boolean;
}

/** Loads a model; see {@link ScorerOptions}. */
export async function open(options: ScorerOptions, platform: Platform): Promise<Scorer> {
  const { signal, backend = "cpu", model = null, precision = null } = options;
  const { workers = platform.workers } = options;
  if (!["cpu", "webgpu", "auto"].includes(backend)) {
    const message = `backend is ${JSON.stringify(backend)}: it must be "cpu", "webgpu" or "auto"`;
    throw new DelicateError({ code: "argument", message });
  }
  if (precision !== null && !["int8", "fp32"].includes(precision)) {
    const message = `precision is ${JSON.stringify(precision)}: it must be "int8" or "fp32"`;
    throw new DelicateError({ code: "argument", message });
  }
  if (precision === "int8" && backend === "webgpu") {
    const message = `precision "int8" is for backend "cpu" alone; "auto" takes it on the CPU`;
    throw new DelicateError({ code: "argument", message });
  }
  if (!Number.isInteger(workers) || workers < 1) {
    const message = `workers is ${JSON.stringify(workers)}: it must be a whole number from 1`;
    throw new DelicateError({ code: "argument", message });
  }
  if (backend === "webgpu" && !platform.webgpu)
    throw new DelicateError({ code: "no_webgpu", message: "there is no WebGPU in Node.js" });
  const wanted = linked([signal]);
  try {
    refuseAborted(signal);
    const files = await within(platform.model(model, wanted.signal), signal);
    const forced = backend === "auto" ? (platform.webgpu ? null : "cpu") : backend;
    const engines = new Engines(
      { model: files, embedding: null, precision },
      platform.moduleBytes,
      forced,
      platform.launch,
      workers,
    );
    try {
      tell(engines, options);
      const settled = engines.start();
      const ready =
        backend === "webgpu" ? settled : Promise.race([settled, firstReady(engines, settled)]);
      await within(ready, signal);
      const refused = backend === "webgpu" && engines.state.current !== "webgpu";
      if (engines.state.broken || refused) throw typed(engines.failure);
      return new Scorer(engines);
    } catch (error) {
      engines.stop();
      throw error;
    }
  } finally {
    wanted.release();
  }
}

/** Tells the caller what becomes of the engines. */
function tell(engines: Engines, { onLoading, onDomainMissing }: ScorerOptions): void {
  let told: FailureData | null = null;
  engines.changed.on(() => {
    const { cpu, webgpu, domainMissing } = engines.state;
    for (const measure of [cpu, webgpu])
      if (measure.state === "loading" && measure.loading !== null) onLoading?.(measure.loading);
    if (domainMissing !== null && domainMissing !== told)
      onDomainMissing?.(new DelicateError(domainMissing));
    told = domainMissing;
  });
}

/** The first engine has its model; where it fails, all is settled. */
async function firstReady(engines: Engines, settled: Promise<void>): Promise<void> {
  // There is none where no worker could be started, which is about to be settled.
  const first = engines.started;
  if (engines.state.broken || first === null) return settled;
  return first.ready.then(
    () => undefined,
    () => settled,
  );
}

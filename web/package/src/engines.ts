/**
 * Which workers score: the CPU's at once, others beside it where there is much to score, WebGPU's
 * when it proves faster, a fresh one when one dies.
 */

import { afterAwake } from "./awake.js";
import { Backend, type Launch, type Loading, type Told, type WorkerHandle } from "./backend.js";
import { DelicateError, type FailureData, typed } from "./errors.js";
import type { BackendName, EngineInfo, Probe, Shared, Start } from "./protocol.js";
import { Signal } from "./signal.js";

export type Measure =
  | { state: "idle" }
  | { state: "loading"; loading: Loading | null }
  | { state: "measuring"; info: EngineInfo }
  | { state: "measured"; info: EngineInfo; rate: number }
  | { state: "unusable"; why: string };

/** All that the badge shows. */
export interface EnginesState {
  forced: BackendName | null;
  /** The backend that scores now. */
  current: BackendName | null;
  cpu: Measure;
  webgpu: Measure;
  /** What the user should know of a fallback or a restart. */
  note: string | null;
  /**
   * Why intervals, domains and nearest molecules are missing from a model that has them; null where
   * they are not.
   */
  domainMissing: FailureData | null;
  /** No backend can be used. */
  broken: boolean;
}

/** WebGPU slower than this for one batch is slower than any CPU. */
const PROBE_LIMIT_MS = 60_000;
/** After this many failures WebGPU is given up for the CPU. */
const WEBGPU_FAILURES = 2;
/** Where nothing was scored by then, nobody waits: the engines may be measured. */
const IDLE_MS = 3_000;
/** Asked for by the user, a slow one may take as long as this. */
const FORCED_PROBE_LIMIT_MS = 10 * 60_000;
/** How far the values of two engines may lie apart, relatively from 1 on. */
const TOLERANCE = 1e-2;
/** Failures of the CPU worker, with no row scored in between, that end a run. */
const CPU_FAILURES = 3;
/** More workers would share what one processor has of memory and its speed. */
const MOST_WORKERS = 8;
/** Of the memory that a browser says there is, the workers take at most this much. */
const MEMORY_SHARE = 1 / 8;
/** What one takes, about. */
const WORKER_GIB = 0.06;
/** Rows from which another worker is worth its start. */
const WORTH_A_WORKER = 100;

/** Workers that score beside each other on the CPU. */
export function workersFor(cores: number, memory: number | undefined): number {
  const fit = memory === undefined ? MOST_WORKERS : (memory * MEMORY_SHARE) / WORKER_GIB;
  return Math.max(1, Math.floor(Math.min(cores || 1, MOST_WORKERS, fit)));
}

/** What every worker is given. */
export type Assets = Pick<Start, "model" | "embedding" | "precision">;

export class Engines {
  readonly state: EnginesState;
  readonly changed = new Signal();
  readonly #assets: Assets;
  readonly #launchThread: Launch;
  readonly #moduleBytes: Record<BackendName, number>;
  #current: Backend | null = null;
  #failures: Record<BackendName, number> = { cpu: 0, webgpu: 0 };
  /** What the first worker of the CPU has fetched. */
  #shared: Shared | null = null;
  /** Workers of the CPU, all of them. */
  #workers: number;
  readonly #helpers = new Set<Backend>();
  #helperFailures = 0;
  /** Told when the first rows were scored. */
  #firstRows: () => void = () => undefined;
  /** Rows that were scored. */
  #scored = 0;
  /** Values of a GPU are there, which those that follow are to be like. */
  #gpuScored = false;
  /** Rows a second, of real molecules. */
  #rate: number | null = null;
  /** Of workers that were told: why they do without the model's domain. */
  readonly #missing = new WeakMap<Backend, FailureData | null>();
  /** Those that were started, until they are gone. */
  readonly #running = new Set<Backend>();
  #stopped = false;
  /** Why an engine could not be used, the last such reason. */
  failure: unknown = null;

  constructor(
    assets: Assets,
    moduleBytes: Record<BackendName, number>,
    forced: BackendName | null,
    launch: Launch,
    /** Workers that score beside each other on the CPU. */
    workers: number,
  ) {
    this.#launchThread = launch;
    this.#assets = assets;
    this.#workers = workers;
    this.#moduleBytes = moduleBytes;
    this.state = {
      forced,
      current: null,
      cpu: { state: "idle" },
      webgpu: { state: "idle" },
      note: null,
      domainMissing: null,
      broken: false,
    };
  }

  /** Starts the workers; resolves when it is settled which one is used. */
  async start(): Promise<void> {
    this.#change({ broken: false });
    this.#failures = { cpu: 0, webgpu: 0 };
    try {
      if (this.state.forced === "webgpu") await this.#startForcedWebGpu();
      else await this.#startCpuFirst();
    } catch (error) {
      this.failure = error;
      this.#change({ broken: true, note: reason(error) });
    }
  }

  /** Ends every worker, for good. */
  stop(): void {
    this.#stopped = true;
    this.#current = null;
    for (const backend of [...this.#running]) backend.stop();
  }

  /** The worker to use now, which may still be loading its model; null where there is none. */
  get started(): Backend | null {
    return this.#current;
  }

  /** The same; there has to be one. */
  get current(): Backend {
    if (this.#current === null)
      throw new DelicateError({ code: "no_engine", message: "no engine was started" });
    return this.#current;
  }

  /** Workers that score beside the current one. */
  get helpers(): readonly WorkerHandle[] {
    return this.#current?.name === "cpu" ? [...this.#helpers] : [];
  }

  get domainMissing(): boolean {
    return this.state.domainMissing !== null;
  }

  /** Tries once more to have the model's domain; rejects where it cannot be had. */
  async loadDomain(): Promise<void> {
    const worker = this.current;
    try {
      const domain = await worker.call("domain", null);
      const shared = this.#shared;
      if (domain !== null && shared !== null)
        this.#shared = { ...shared, model: { ...shared.model, domain } };
      this.#onDomain(worker, null);
    } catch (error) {
      const { code, message, columns } = typed(error);
      if (!worker.dead) this.#onDomain(worker, { code, message, columns });
      throw error;
    }
  }

  /** Starts more workers where so many rows, after those before, are worth it. */
  gather(rows: number): void {
    const [shared, current] = [this.#shared, this.#current];
    if (current?.name !== "cpu" || shared === null) return;
    // Whether they are to have the model's domain is known once the current one has said so.
    if (!this.#missing.has(current)) return;
    const wanted = Math.min(this.#workers, 1 + Math.floor((this.#scored + rows) / WORTH_A_WORKER));
    // What could not be had is not asked for by each of them.
    const domain = this.domainMissing ? null : shared.model.domain;
    const model = { ...shared.model, domain };
    while (this.#helpers.size + 1 < wanted) {
      const helper: Backend = this.#backend(
        "cpu",
        { ...this.#assets, ...shared, model },
        {
          domain: (missing) => {
            if (missing !== null) this.#dismiss(helper, new DelicateError(missing));
          },
        },
      );
      this.#helpers.add(helper);
      void helper.gone.then((error) => this.#dismiss(helper, error));
    }
  }

  /** A helper is gone; another is started when it is needed, unless they go on failing. */
  #dismiss(helper: Backend, error: unknown): void {
    if (!this.#helpers.delete(helper) || this.#stopped) return;
    helper.stop();
    this.#helperFailures += 1;
    if (this.#helperFailures >= CPU_FAILURES) this.#workers = 1;
    // It is started once there is something for it.
    const next = this.#workers > 1 ? "another can take its place" : "the others carry on";
    this.#change({ note: `One of the CPU workers stopped (${reason(error)}); ${next}.` });
  }

  /** A worker has failed: starts a fresh one, or throws when that has been tried often enough. */
  replace(failed: WorkerHandle, error: unknown): void {
    for (const helper of this.#helpers) if (helper === failed) this.#dismiss(helper, error);
    const current = this.#current;
    if (current === null || current !== failed) return;
    current.stop();
    const { name } = current;
    this.#failures[name] += 1;
    if (name === "cpu" && this.#failures.cpu >= CPU_FAILURES) {
      this.failure = error;
      this.#change({
        broken: true,
        note: `The CPU engine failed ${CPU_FAILURES} times: ${reason(error)}`,
      });
      throw error;
    }
    const next = name === "webgpu" && this.#failures.webgpu < WEBGPU_FAILURES ? "webgpu" : "cpu";
    const before = this.state[next];
    const fresh = this.#use(this.#launch(next));
    if (next !== name) this.#set(name, { state: "unusable", why: reason(error) });
    this.#change({
      broken: false,
      note:
        next === name
          ? `The ${label(name)} engine stopped (${reason(error)}); a new one took over.`
          : `WebGPU failed ${WEBGPU_FAILURES} times (${reason(error)}); switched to the CPU.`,
    });
    this.#rateAs(before, fresh);
  }

  /** A worker that does not end what is cancelled: it is ended itself, which is no failure of it. */
  abandon(worker: WorkerHandle): void {
    for (const helper of this.#helpers)
      if (helper === worker) {
        this.#helpers.delete(helper);
        helper.stop();
      }
    const current = this.#current;
    if (current === null || current !== worker || current.dead) return;
    const before = this.state[current.name];
    const fresh = this.#use(this.#launch(current.name));
    current.stop();
    this.#rateAs(before, fresh);
  }

  /** The speed of a worker is that of the one before it, unless that was lost before it was measured. */
  #rateAs(before: Measure, fresh: Backend): void {
    const done =
      before.state === "measured"
        ? fresh.ready.then(() => this.#set(fresh.name, before))
        : this.#measure(fresh);
    void done.catch(() => undefined);
  }

  /** Rows were scored, so the CPU worker is in order again; `rate` of them a second, where that is known. */
  succeeded(rows: number, rate: number | null): void {
    this.#failures.cpu = 0;
    this.#scored += rows;
    this.#firstRows();
    const current = this.#current;
    if (rows > 0 && current?.name === "webgpu") this.#gpuScored = true;
    if (rate === null || current === null || current.info === null) return;
    this.#rate = rate;
    this.#set(current.name, { state: "measured", info: current.info, rate });
  }

  async #startCpuFirst(): Promise<void> {
    this.#use(this.#launch("cpu"));
    const cpu = await this.#ready();
    await this.#unhurried();
    if (this.#stopped) return;
    const without = this.#withoutWebGpu();
    const untried = this.state.forced === "cpu" || without !== null;
    if (this.state.forced === null && without !== null)
      this.#set("webgpu", { state: "unusable", why: without });
    if (untried && this.#rate !== null) return;
    const onCpu = await this.#measure(cpu).catch(() => ({ rate: 0, values: [] }));
    if (untried || this.#stopped) return;
    const gpu = this.#launch("webgpu");
    try {
      const onGpu = await this.#measure(gpu);
      refuseOtherNumbers(onGpu.values, onCpu.values);
      // All of the CPU's workers at least as fast as one of them alone for each.
      if (onGpu.rate > Math.max(this.#rate ?? 0, onCpu.rate * this.#workers)) {
        // What is being scored on the CPU ends there; what follows goes to the GPU.
        const before = this.current;
        this.#use(gpu);
        before.retire();
        this.#retireHelpers();
      } else gpu.stop();
    } catch (error) {
      gpu.stop();
      this.failure = error;
      this.#set("webgpu", { state: "unusable", why: reason(error) });
    }
  }

  /** The current worker, once it is ready; whoever waits for one that fails may replace it meanwhile. */
  async #ready(): Promise<Backend> {
    for (;;) {
      const worker = this.current;
      try {
        await worker.ready;
        return worker;
      } catch (error) {
        if (this.#current === worker) throw error;
      }
    }
  }

  async #startForcedWebGpu(): Promise<void> {
    let gpu: Backend | null = null;
    try {
      const without = this.#withoutWebGpu();
      if (without !== null) throw new DelicateError({ code: "no_webgpu", message: without });
      gpu = this.#use(this.#launch("webgpu"));
      const onGpu = await this.#measure(gpu, FORCED_PROBE_LIMIT_MS);
      refuseOtherNumbers(onGpu.values, await this.#valuesOfCpu());
    } catch (error) {
      // One that dies after loading has been replaced already.
      const replaced = gpu !== null && (this.#current !== gpu || (gpu.dead && gpu.info !== null));
      if (replaced || this.#stopped) return;
      gpu?.stop();
      this.failure = error;
      this.#set("webgpu", { state: "unusable", why: reason(error) });
      this.#change({
        note: `WebGPU was requested but is not available: ${reason(error)}. Using the CPU instead.`,
      });
      await this.#measure(this.#use(this.#launch("cpu")));
    }
  }

  /** What the CPU says of the molecules that a GPU is tried on, by a worker that is there for it alone. */
  async #valuesOfCpu(): Promise<readonly number[]> {
    const cpu = this.#backend("cpu", { ...this.#assets, precision: "fp32" });
    try {
      await cpu.ready;
      return (await cpu.call("probe", null)).values;
    } finally {
      cpu.stop();
    }
  }

  /** Why there can be no WebGPU; null where there may be. */
  #withoutWebGpu(): string | null {
    if (this.#moduleBytes.webgpu === 0) return "this copy of the page was built without it";
    if ("gpu" in navigator) return null;
    return globalThis.isSecureContext
      ? "this browser has no WebGPU"
      : "browsers offer WebGPU to pages served over https alone";
  }

  #launch(name: BackendName): Backend {
    if (this.#stopped)
      throw new DelicateError({ code: "closed", message: "the engines were stopped" });
    this.#set(name, { state: "loading", loading: null });
    const known = name === "cpu" ? this.#shared : null;
    const backend = this.#backend(
      name,
      { ...this.#assets, ...known },
      {
        // What similarity is taken of is loaded later, by an engine that is ready.
        loading: (loading) => {
          if (backend.info === null) this.#set(name, { state: "loading", loading });
        },
        domain: (missing) => this.#onDomain(backend, missing),
      },
    );
    backend.ready.then(
      (info) => this.#set(name, { state: "measuring", info }),
      () => undefined,
    );
    if (name === "cpu")
      void backend.shared.then((shared) => {
        this.#shared ??= shared;
      });
    return backend;
  }

  #backend(
    name: BackendName,
    assets: Assets & { module?: WebAssembly.Module },
    told: Told = {},
  ): Backend {
    // Where a GPU was lost, the CPU goes on in its precision, unless another is asked for.
    const cpuPrecision = assets.precision ?? (this.#gpuScored ? "fp32" : null);
    const precision = name === "cpu" ? cpuPrecision : null;
    const start = { module: null, ...assets, precision, moduleBytes: this.#moduleBytes[name] };
    const backend = new Backend(name, this.#launchThread, start, told);
    this.#running.add(backend);
    void backend.gone.then(() => this.#running.delete(backend));
    return backend;
  }

  /** Resolves once rows were scored, or nobody has wanted any for a while. */
  #unhurried(): Promise<void> {
    return new Promise((resolve) => {
      const idle = setTimeout(resolve, IDLE_MS);
      this.#firstRows = () => {
        clearTimeout(idle);
        resolve();
      };
    });
  }

  #onDomain(backend: Backend, missing: FailureData | null): void {
    this.#missing.set(backend, missing);
    if (backend === this.#current) {
      this.#retireIfCompleted(missing);
      this.#change({ domainMissing: missing });
    }
  }

  /** Helpers go on without what they were not given, so that others take their place. */
  #retireIfCompleted(missing: FailureData | null): void {
    if (this.domainMissing && missing === null) this.#retireHelpers();
  }

  #retireHelpers(): void {
    for (const helper of this.#helpers) helper.retire();
    this.#helpers.clear();
  }

  #use(backend: Backend): Backend {
    this.#current = backend;
    // One that is still to say so may have it.
    const missing = this.#missing.get(backend) ?? null;
    this.#retireIfCompleted(missing);
    this.#change({ current: backend.name, domainMissing: missing });
    // It may die while nobody is waiting for it. One that never loaded is the starter's to handle.
    void backend.gone.then((error) => {
      if (this.#current !== backend || backend.info === null) return;
      try {
        this.replace(backend, error);
      } catch {
        // The state says that it is broken.
      }
    });
    return backend;
  }

  async #measure(backend: Backend, limit = PROBE_LIMIT_MS): Promise<Probe> {
    const info = await backend.ready;
    const probe = await withinLimit(limit, backend.call("probe", null));
    // What real molecules were scored at says more.
    const rate = (backend === this.#current ? this.#rate : null) ?? probe.rate;
    this.#set(backend.name, { state: "measured", info, rate });
    return probe;
  }

  #set(name: BackendName, measure: Measure): void {
    this.#change({ [name]: measure });
  }

  #change(change: Partial<EnginesState>): void {
    Object.assign(this.state, change);
    this.changed.emit();
  }
}

export const label = (name: BackendName): string => (name === "cpu" ? "CPU" : "WebGPU");

/** A GPU whose numbers are not the CPU's is not used, however fast it is. */
function refuseOtherNumbers(found: readonly number[], expected: readonly number[]): void {
  const wrong = expected.some((value, place) => {
    const difference = Math.abs((found[place] ?? Number.NaN) - value);
    return !(difference <= TOLERANCE * Math.max(1, Math.abs(value)));
  });
  if (!wrong) return;
  const message = "its numbers for known molecules are not those of the CPU";
  throw new DelicateError({ code: "inaccurate", message });
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What has not come by then is too slow. */
async function withinLimit<T>(limit: number, promise: Promise<T>): Promise<T> {
  let end = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `no batch finished within ${limit / 1000} s`;
    end = afterAwake(limit, () => reject(new DelicateError({ code: "slow", message })));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    end();
  }
}

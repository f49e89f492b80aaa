/** One worker as the page sees it: calls that return promises, and how it is doing. */

import {
  type BackendName,
  type Call,
  type Calls,
  type EngineInfo,
  Failure,
  type FailureData,
  type FromWorker,
  type Request,
  type Start,
  type ToWorker,
} from "./protocol.js";

export interface Loading {
  part: "module" | "model";
  loaded: number;
  total: number;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Failure): void;
  onProgress: ((done: number) => void) | undefined;
}

/** A worker as those see it who only ask it. */
export type WorkerHandle = Pick<Backend, "call" | "cancel" | "dead" | "ready">;

export class Backend {
  readonly name: BackendName;
  /** Resolves once the model is loaded; rejects when it cannot be, or the worker dies first. */
  readonly ready: Promise<EngineInfo>;
  /** Resolves when the worker has died or was stopped. */
  readonly gone: Promise<Failure>;
  info: EngineInfo | null = null;

  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #dead: Failure | null = null;
  #retiring = false;
  #settle: {
    ready(info: EngineInfo): void;
    failed(error: Failure): void;
    gone(error: Failure): void;
  };

  constructor(
    name: BackendName,
    start: Omit<Start, "call">,
    onLoading: (loading: Loading) => void,
  ) {
    this.name = name;
    const ready = deferred<EngineInfo>();
    const gone = deferred<Failure>();
    this.ready = ready.promise;
    // Whoever needs it awaits it; a worker that nobody waits for may fail in silence.
    this.ready.catch(() => undefined);
    this.gone = gone.promise;
    this.#settle = { ready: ready.resolve, failed: ready.reject, gone: gone.resolve };
    this.#worker =
      name === "cpu"
        ? new Worker(new URL("./worker/cpu.ts", import.meta.url), {
            type: "module",
            name: "delicate-cpu",
          })
        : new Worker(new URL("./worker/webgpu.ts", import.meta.url), {
            type: "module",
            name: "delicate-webgpu",
          });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === "progress") onLoading(data);
      else this.#receive(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.stop({
        code: "crashed",
        message: event.message || "the worker could not be started",
        columns: null,
      });
    };
    this.#post({ call: "start", ...start });
  }

  get dead(): boolean {
    return this.#dead !== null;
  }

  call<C extends Call>(
    call: C,
    args: Calls[C]["args"],
    onProgress?: (done: number) => void,
  ): Promise<Calls[C]["result"]> {
    if (this.#dead !== null) return Promise.reject(this.#dead);
    const id = this.#next++;
    const { promise, resolve, reject } = deferred<Calls[C]["result"]>();
    this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject, onProgress });
    this.#post({ id, call, args } as Request);
    return promise;
  }

  /** Ends the scoring in progress after its current batch. */
  cancel(): void {
    if (this.#dead === null) this.#post({ call: "cancel" });
  }

  /** Stops the worker once it has answered what it was asked. */
  retire(): void {
    this.#retiring = true;
    if (this.#pending.size === 0) this.stop();
  }

  stop(
    why: FailureData = { code: "stopped", message: "the worker was stopped", columns: null },
  ): void {
    if (this.#dead !== null) return;
    const error = new Failure(why);
    this.#dead = error;
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#settle.failed(error);
    this.#settle.gone(error);
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: Exclude<FromWorker, { type: "progress" }>): void {
    if (message.type === "ready") {
      this.info = message.info;
      this.#settle.ready(message.info);
      return;
    }
    if (message.type === "failed") {
      this.stop(message.failure);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    if (message.type === "scoring") {
      pending.onProgress?.(message.done);
      return;
    }
    this.#pending.delete(message.id);
    if (message.type === "result") pending.resolve(message.value);
    else pending.reject(new Failure(message.failure));
    // A module that has trapped is in no state to be asked again.
    if (message.type === "error" && message.failure.code === "crashed") this.stop(message.failure);
    if (this.#retiring && this.#pending.size === 0) this.stop();
  }
}

interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Failure): void;
}

/** Promise.withResolvers, for browsers that can score but have it not. */
function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, "promise"> | null = null;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...(settle as unknown as Omit<Deferred<T>, "promise">) };
}

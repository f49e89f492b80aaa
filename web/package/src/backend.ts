/** One worker as those see it who ask it: calls that return promises, and how it is doing. */

import { afterAwake } from "./awake.js";
import { DelicateError, type FailureData } from "./errors.js";
import {
  type BackendName,
  type Call,
  type Calls,
  type EngineInfo,
  type FromWorker,
  OUT_OF_TURN,
  type Request,
  type Shared,
  type Start,
  type ToWorker,
} from "./protocol.js";

export interface Loading {
  part: "module" | "model";
  loaded: number;
  total: number;
}

interface Pending {
  call: Call;
  resolve(value: unknown): void;
  reject(error: DelicateError): void;
  onProgress: ((done: number) => void) | undefined;
}

/** A worker as those see it who only ask it. */
export type WorkerHandle = Pick<Backend, "call" | "cancel" | "dead" | "ready">;

/** Who is told how a worker is doing. */
export interface Told {
  loading?(loading: Loading): void;
  /** Why the model's domain cannot be had; null once the worker has all that it will have of it. */
  domain?(missing: FailureData | null): void;
}

/**
 * For how long a worker may say nothing while something is asked of it. One that has ended is
 * found out sooner where the platform tells; this is for those that hang, and much longer than
 * slow machines take: for whatever it is, and for a batch, after each of which it speaks.
 */
const SILENCE_MS: Record<BackendName, { any: number; batch: number }> = {
  cpu: { any: 5 * 60_000, batch: 90_000 },
  webgpu: { any: 10 * 60_000, batch: 10 * 60_000 },
};

/** A thread that is sent messages and answers some: a browser's worker, or one of Node.js. */
export interface Thread {
  postMessage(message: ToWorker): void;
  terminate(): unknown;
}

/** Starts the thread of a backend. `on.error` is told why it ends, if it does so by itself. */
export type Launch = (
  name: BackendName,
  on: { message(message: FromWorker): void; error(why: FailureData): void },
) => Thread;

export class Backend {
  readonly name: BackendName;
  /** Resolves once the model is loaded; rejects when it cannot be, or the worker dies first. */
  readonly ready: Promise<EngineInfo>;
  /** Resolves when the worker has died or was stopped. */
  readonly gone: Promise<DelicateError>;
  info: EngineInfo | null = null;
  /** What others of its kind need not fetch; of one that fetched it, once all is there. */
  readonly shared: Promise<Shared>;

  readonly #worker: Thread;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #dead: DelicateError | null = null;
  #retiring = false;
  /** Ends the wait for the worker's next word; null while nobody waits. */
  #silence: (() => void) | null = null;
  #settle: {
    ready(info: EngineInfo): void;
    shared(shared: Shared): void;
    failed(error: DelicateError): void;
    gone(error: DelicateError): void;
  };

  constructor(name: BackendName, launch: Launch, start: Omit<Start, "call">, told: Told) {
    this.name = name;
    const ready = deferred<EngineInfo>();
    const gone = deferred<DelicateError>();
    this.ready = ready.promise;
    // Whoever needs it awaits it; a worker that nobody waits for may fail in silence.
    this.ready.catch(() => undefined);
    this.gone = gone.promise;
    const shared = deferred<Shared>();
    this.shared = shared.promise;
    this.#settle = {
      ready: ready.resolve,
      shared: shared.resolve,
      failed: ready.reject,
      gone: gone.resolve,
    };
    this.#worker = launch(name, {
      message: (message) => {
        this.#receive(message, told);
        this.#listen();
      },
      error: (why) => this.stop(why),
    });
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
    this.#pending.set(id, {
      call,
      resolve: resolve as (value: unknown) => void,
      reject,
      onProgress,
    });
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
    const error = new DelicateError(why);
    this.#dead = error;
    this.#silence?.();
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#settle.failed(error);
    this.#settle.gone(error);
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
    // Whoever asks for more while something is pending gives a worker that hangs no more time.
    if (this.#silence === null) this.#listen();
  }

  /** Gives the worker time from now on, while something is asked of it. */
  #listen(): void {
    this.#silence?.();
    this.#silence = null;
    if (this.#dead !== null || (this.info !== null && this.#pending.size === 0)) return;
    // Calls are answered in order, so that the first is under way, whatever waits behind it.
    const first = [...this.#pending.values()].find(({ call }) => !OUT_OF_TURN.has(call))?.call;
    const isScoring = first === "score" || first === "scoreMolecules";
    const limits = SILENCE_MS[this.name];
    const limit = this.info !== null && isScoring ? limits.batch : limits.any;
    const message = `the worker said nothing for ${limit / 1_000} s`;
    this.#silence = afterAwake(limit, () => this.stop({ code: "crashed", message, columns: null }));
  }

  #receive(message: FromWorker, told: Told): void {
    if (message.type === "progress") {
      // What comes after the model is fetched behind what it does already.
      if (this.info === null) told.loading?.(message);
      return;
    }
    if (message.type === "domain") {
      told.domain?.(message.missing);
      return;
    }
    if (message.type === "alive") return;
    if (message.type === "ready") {
      this.info = message.info;
      this.#settle.ready(message.info);
      return;
    }
    if (message.type === "shared") {
      this.#settle.shared(message.shared);
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
    else pending.reject(new DelicateError(message.failure));
    // A module that has trapped is in no state to be asked again.
    if (message.type === "error" && message.failure.code === "crashed") this.stop(message.failure);
    if (this.#retiring && this.#pending.size === 0) this.stop();
  }
}

interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: DelicateError): void;
}

/** Promise.withResolvers, for browsers that can score but have it not. */
function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, "promise"> | null = null;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...(settle as unknown as Omit<Deferred<T>, "promise">) };
}

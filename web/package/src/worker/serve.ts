/** One worker: a wasm module, a model and the open tables, answering calls in order. */

import type { Engine, Table } from "delicate-cpu/delicate.js";
import { afterAwake } from "../awake.js";
import type { FailureData } from "../errors.js";
import {
  type BackendName,
  type Call,
  type Calls,
  type Download,
  type FromWorker,
  IMMEDIATE,
  type ModelFiles,
  type ModelPart,
  type Piece,
  type Precision,
  type Request,
  type Shared,
  type Start,
  type TableId,
  type ToWorker,
  type WasmModule,
} from "../protocol.js";

/** For how long WebGPU may be silent. */
const ADAPTER_LIMIT_MS = 10_000;
const DEVICE_LIMIT_MS = 60_000;
/** For how long nothing may come of a file of a model. */
const STALLED_MS = 20_000;
/** Within that time a page asks for the values of a table that it has opened. */
const ABOUT_TO_ASK_MS = 250;
/** Rows whose fingerprints or embeddings are computed between two looks at the messages. */
const COMPARED_AT_ONCE = 128;

/** What the worker runs in. */
export interface Host {
  send(message: FromWorker, transfer?: Transferable[]): void;
  listen(receive: (message: ToWorker) => void): void;
  fetch(url: string, cache: RequestCache): Promise<Response>;
}

/** Answers messages for one backend with the module whose glue and address are given. */
export function serve(backend: BackendName, glue: WasmModule, wasm: string, host: Host): void {
  let started: {
    module: Promise<WebAssembly.Module>;
    /** Predicts, perhaps without intervals and domains yet. */
    early: Promise<Engine>;
    /** With all that the model has. */
    engine: Promise<Engine>;
    /** The file that the domain comes from later; null where there is none. */
    domain: ModelPart | null;
    embedding: ModelFiles | null;
    precision: Precision | null;
  } | null = null;
  /** Whether the engine has all that it will have of its model. */
  let whole = false;
  /** Whether the model's domain could not be had. */
  let domainMissing = false;
  /** What it computes before that, which nothing may be added to under its feet. */
  let scoringEarly: Promise<unknown> | null = null;
  /** The model that similarity is taken of, once it is needed. */
  let embedding: Promise<Engine> | null = null;
  const { send } = host;
  /** Resolves once somebody has asked for values. */
  let isAsked = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    isAsked = resolve;
  });
  const tables = new Map<TableId, Table>();
  let cancelled = false;
  /** Ends waiting for the engine, where somebody does. */
  let giveUp: (() => void) | null = null;
  let queue: Promise<void> = Promise.resolve();
  /** Calls in the queue. */
  let waiting = 0;
  const probes: Request[] = [];

  const opened = (id: TableId): Table => {
    const table = tables.get(id);
    if (table === undefined) throw { code: "no_table", message: "the table is not open any more" };
    return table;
  };
  const close = (id: TableId): void => {
    tables.get(id)?.free();
    tables.delete(id);
  };

  const answers: {
    [C in Call]: (args: Calls[C]["args"], id: number) => Promise<Calls[C]["result"]>;
  } = {
    async open({ table: id, name, bytes, smilesColumn, idColumn }) {
      await started?.module;
      close(id);
      const table = glue.Table.open(name, bytes, smilesColumn, idColumn);
      tables.set(id, table);
      const { length, fault, notes } = table;
      const format = table.format();
      return { length, format, fault: fault ?? null, notes, ...table.columns() };
    },
    async close({ table }) {
      close(table);
      return null;
    },
    async rows({ table, start, end }) {
      return opened(table).rows(start, end);
    },
    async score({ table, start, end, early }, id) {
      isAsked();
      const engine = await unlessCancelled(early ? loadedEarly() : loaded());
      if (whole) return scored(engine, opened(table), start, end, id);
      const scoring = scored(engine, opened(table), start, end, id);
      scoringEarly = scoring;
      try {
        return { ...(await scoring), early: true };
      } finally {
        scoringEarly = null;
      }
    },
    async molecules({ table, start, end }) {
      return opened(table).molecules(start, end);
    },
    async scoreMolecules({ molecules }, id) {
      const engine = await unlessCancelled(loaded());
      const table = glue.Table.of(molecules);
      try {
        return await scored(engine, table, 0, table.length, id);
      } finally {
        table.free();
      }
    },
    async explain({ table, row }) {
      return opened(table).explain(await loaded(), row);
    },
    async export({ table, format, rows, results, scores, columns }) {
      return opened(table).export(await loaded(), format, rows, results, scores, columns);
    },
    async matches({ table, smarts, start, end }) {
      const pattern = glue.Pattern.parse(smarts);
      try {
        return opened(table).matches(pattern, start, end);
      } finally {
        pattern.free();
      }
    },
    async matched({ table, smarts, rows }) {
      const pattern = glue.Pattern.parse(smarts);
      try {
        return opened(table).matched(pattern, Uint32Array.from(rows));
      } finally {
        pattern.free();
      }
    },
    async blocks({ table, rows }) {
      return opened(table).blocks(rows);
    },
    async smiles({ table, rows }) {
      return opened(table).smiles(rows);
    },
    async depict({ smiles }) {
      await started?.module;
      return glue.depict(smiles);
    },
    async descriptors({ smiles }) {
      await started?.module;
      return glue.descriptors(smiles);
    },
    async drawnSmiles({ block }) {
      await started?.module;
      return glue.drawnSmiles(block);
    },
    async rank({ table, actives, by }, id) {
      cancelled = false;
      const model = by === "fingerprint" ? null : await unlessCancelled(loadedEmbedding());
      const total = opened(table).length;
      for (const [one, report] of [
        [actives, false],
        [table, true],
      ] as const) {
        for (let start = 0; start < opened(one).length; start += COMPARED_AT_ONCE) {
          const end = Math.min(start + COMPARED_AT_ONCE, opened(one).length);
          if (by !== "embedding") opened(one).fingerprint(start, end);
          if (model !== null) await opened(one).embed(model, start, end);
          if (report) send({ type: "scoring", id, done: Math.min(end, total) });
          await turn();
          if (cancelled) throw { code: "cancelled", message: "the ranking was cancelled" };
        }
      }
      return opened(table).rank(opened(actives), by);
    },
    async probe() {
      return (await loaded()).probe();
    },
    async domain() {
      const engine = await loaded();
      const file = started?.domain ?? null;
      if (!domainMissing || file === null) return null;
      const count =
        file instanceof Uint8Array
          ? () => undefined
          : Progress.later(host).file("model", file.bytes);
      const bytes = await fetched(host, file, count);
      // Between two other calls, which nothing may be added under the feet of.
      const adding = queue.then(() => {
        if (domainMissing) engine.addDomain(bytes);
        domainMissing = false;
      });
      queue = adding.catch(() => undefined);
      await adding;
      return bytes;
    },
  };

  const scored = (
    engine: Engine,
    table: Table,
    start: number,
    end: number,
    id: number,
  ): Promise<Piece> => {
    cancelled = false;
    return table.score(engine, start, end, (done) => {
      send({ type: "scoring", id, done });
      return !cancelled;
    });
  };

  const unlessCancelled = (engine: Promise<Engine>): Promise<Engine> =>
    new Promise<Engine>((resolve, reject) => {
      giveUp = () => reject({ code: "cancelled", message: "it was cancelled" });
      engine.then(resolve, reject);
    }).finally(() => {
      giveUp = null;
    });

  const loaded = (): Promise<Engine> => {
    if (started === null) throw { code: "not_started", message: "the worker was not started" };
    return started.engine;
  };

  const loadedEarly = (): Promise<Engine> => {
    if (started === null) throw { code: "not_started", message: "the worker was not started" };
    return started.early;
  };

  const loadedEmbedding = (): Promise<Engine> => {
    if (started === null) throw { code: "not_started", message: "the worker was not started" };
    const { module, embedding: files, precision } = started;
    if (files === null)
      throw { code: "no_embedding", message: "there is no model that similarity is taken of" };
    embedding ??= loadModel(
      host,
      backend,
      glue,
      module,
      files,
      precision,
      Progress.later(host),
    ).early;
    embedding.catch(() => {
      // Tried again when it is asked for again.
      embedding = null;
    });
    return embedding;
  };

  const start = ({ module: given, moduleBytes, model, embedding, precision }: Start): void => {
    const progress = new Progress(host);
    // All at once: none waits for what another is made of.
    const module = loadModule(
      host,
      backend,
      glue,
      given ?? { url: wasm, bytes: moduleBytes },
      progress,
    );
    const { early, domain, files } = loadModel(
      host,
      backend,
      glue,
      module,
      model,
      precision,
      progress,
    );
    const engine = early.then(async (engine) => {
      try {
        const bytes = await domain;
        // Whoever waits for values is first, and whoever has opened a table is about to ask.
        if (tables.size > 0) await Promise.race([asked, pause(ABOUT_TO_ASK_MS)]);
        await turn();
        while (scoringEarly !== null) await scoringEarly.catch(() => undefined);
        if (bytes !== null) engine.addDomain(bytes);
      } catch (error) {
        // Values need nothing of it.
        domainMissing = true;
        send({ type: "domain", missing: describe(error) });
      }
      whole = true;
      if (!domainMissing) send({ type: "domain", missing: null });
      return engine;
    });
    started = {
      module,
      early,
      engine,
      domain: domain === null ? null : model.domain,
      embedding,
      precision,
    };
    const failed = (error: unknown): void => send({ type: "failed", failure: describe(error) });
    early
      .then((engine) => send({ type: "ready", info: engine.info() }))
      .then(() => Promise.all([module, files, engine]))
      .then(([module, files]) => {
        // Those that were given it have it from somebody who has it still.
        if (given !== null) return;
        // One that came damaged is fetched anew by whoever takes over.
        const shared = domainMissing ? { ...files, domain: model.domain } : files;
        const parts = Object.values(shared).filter((part) => part instanceof Uint8Array);
        const buffers = new Set(parts.map((part) => part.buffer as ArrayBuffer));
        send({ type: "shared", shared: { module, model: shared } }, [...buffers]);
      })
      .catch(failed);
    engine.catch(() => undefined);
  };

  const answer = async (request: Request): Promise<void> => {
    try {
      // The table of answers pairs each call with its arguments; one request is one such pair.
      const run = answers[request.call] as (args: unknown, id: number) => Promise<unknown>;
      const value = await run(request.args, request.id);
      send({ type: "result", id: request.id, value }, buffers(value));
    } catch (error) {
      send({ type: "error", id: request.id, failure: describe(error) });
    }
  };

  host.listen((data) => {
    if (data.call === "start") start(data);
    else if (data.call === "cancel") {
      cancelled = true;
      giveUp?.();
    } else if (IMMEDIATE.has(data.call)) void answer(data);
    else if (data.call === "probe") {
      // Nothing else waits for an engine that somebody only wants to time.
      const timed = (): void => {
        probes.push(data);
        probe();
      };
      (started?.engine ?? Promise.resolve()).then(timed, timed);
    } else {
      waiting += 1;
      queue = queue
        .then(() => answer(data))
        .then(() => {
          waiting -= 1;
        });
      probe();
    }
  });

  // Somebody waits for all the rest, and nobody for how fast it is.
  const probe = (): void => {
    if (probes.length === 0) return;
    queue = queue.then(async () => {
      const [next] = waiting === 0 ? probes.splice(0, 1) : [];
      if (next !== undefined) await answer(next);
    });
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Lets the event loop have its turn, a wish to cancel among what it does. */
const turn = (): Promise<void> => pause(0);

/** What of an answer is handed over rather than copied. */
function buffers(value: unknown): Transferable[] {
  if (value instanceof Uint8Array) return [value.buffer as ArrayBuffer];
  if (typeof value !== "object" || value === null || !("scores" in value)) return [];
  return Object.values((value as Piece).scores).flatMap((part) =>
    ArrayBuffer.isView(part) ? [part.buffer as ArrayBuffer] : [],
  );
}

async function loadModule(
  host: Host,
  backend: BackendName,
  glue: WasmModule,
  given: WebAssembly.Module | { url: string; bytes: number },
  progress: Progress,
): Promise<WebAssembly.Module> {
  // Asked before the module, which is large, is fetched for nothing.
  const asked = backend === "webgpu" ? navigator.gpu?.requestAdapter() : null;
  if (backend === "webgpu" && !(await within(ADAPTER_LIMIT_MS, "adapter", asked))) {
    throw { code: "no_adapter", message: "this browser offers no WebGPU adapter" };
  }
  try {
    const module =
      given instanceof WebAssembly.Module ? given : await compiled(host, given, progress);
    progress.moduleIsThere();
    await glue.default({ module_or_path: module });
    return module;
  } catch (error) {
    if (!isForbidden(error)) throw error;
    const message = "this server's Content-Security-Policy must allow 'wasm-unsafe-eval'";
    throw { code: "forbidden", message };
  }
}

/** Whether a page's policy is what keeps a module from being compiled. */
const isForbidden = (error: unknown): boolean =>
  error instanceof WebAssembly.CompileError && /unsafe-eval/.test(error.message);

function compiled(
  host: Host,
  { url, bytes }: { url: string; bytes: number },
  progress: Progress,
): Promise<WebAssembly.Module> {
  const count = progress.file("module", bytes);
  return twice(async (cache) => {
    const response = await download(host, url, cache, "module", count);
    return WebAssembly.compileStreaming(response).catch((error: unknown) => {
      // What is no error of compiling is one of the wire.
      if (!(error instanceof WebAssembly.CompileError)) throw unfetched(url, error);
      if (isForbidden(error)) throw error;
      const message = `${fileName(url)} is damaged, or no engine: ${error.message}`;
      throw { code: "corrupt_download", message };
    });
  });
}

interface Loading {
  /** Without its domain, where that is still to come. */
  early: Promise<Engine>;
  /** The domain, where it is still to come. */
  domain: Promise<Uint8Array> | null;
  /** What was fetched, or given. */
  files: Promise<Shared["model"]>;
}

function loadModel(
  host: Host,
  backend: BackendName,
  glue: WasmModule,
  module: Promise<unknown>,
  model: ModelFiles,
  precision: Precision | null,
  progress: Progress,
): Loading {
  const counted = (file: ModelPart): Promise<Uint8Array> =>
    fetched(
      host,
      file,
      file instanceof Uint8Array ? () => undefined : progress.file("model", file.bytes),
    );
  const [config, vocab, weights] = [model.config, model.vocab, model.weights].map(counted) as [
    Promise<Uint8Array>,
    Promise<Uint8Array>,
    Promise<Uint8Array>,
  ];
  const domain = model.domain === null ? null : counted(model.domain);
  const later =
    domain !== null && model.domainFollows === true && !(model.domain instanceof Uint8Array);
  const load = async (): Promise<Engine> => {
    // Waited for at once: what fails is told then, whatever else is still coming.
    const all = [config, weights, vocab, later ? null : domain, module] as const;
    const [ownConfig, ownWeights, ownVocab, known] = await Promise.all(all);
    return glue.Engine.load(
      backend,
      precision ?? undefined,
      ownConfig,
      ownWeights,
      ownVocab,
      known ?? undefined,
      later,
    );
  };
  const files = async (): Promise<Shared["model"]> => ({
    config: await config,
    weights: await weights,
    vocab: await vocab,
    domain: await (later ? domain.catch(() => model.domain) : domain),
    domainFollows: model.domainFollows === true,
  });
  const early =
    backend === "webgpu" ? module.then(() => within(DEVICE_LIMIT_MS, "device", load())) : load();
  const all = files();
  all.catch(() => undefined);
  return { early, domain: later ? domain : null, files: all };
}

/** The contents of a file of a model; `count` is told how much of it has come. */
function fetched(
  host: Host,
  file: ModelPart,
  count: (loaded: number) => void,
): Promise<Uint8Array> {
  if (file instanceof Uint8Array) return Promise.resolve(file);
  const bytes = twice((cache) =>
    unlessStalled(file.url, async (came) => {
      const counted = (loaded: number): void => {
        came();
        count(loaded);
      };
      const response = await download(host, file.url, cache, "model", counted);
      const contents = await response.arrayBuffer().catch((error: unknown) => {
        throw unfetched(file.url, error);
      });
      return packed(file, await verified(file, new Uint8Array(contents)));
    }),
  );
  // Whoever waits for another file that failed before hears of that one.
  bytes.catch(() => undefined);
  return bytes;
}

/**
 * Tells how far the downloads are. They run beside each other, and are told one after the other:
 * the module's until it is there, then the model's.
 */
class Progress {
  readonly #host: Host;
  readonly #files: { part: "module" | "model"; loaded: number; bytes: number }[] = [];
  #module = false;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Of files that come after the module. */
  static later(host: Host): Progress {
    const progress = new Progress(host);
    progress.moduleIsThere();
    return progress;
  }

  /** Counts what has come of a file so far. */
  file(part: "module" | "model", bytes: number): (loaded: number) => void {
    const file = { part, loaded: 0, bytes };
    this.#files.push(file);
    return (loaded) => {
      file.loaded = loaded;
      if ((part === "module") !== this.#module) this.#tell(part);
    };
  }

  moduleIsThere(): void {
    this.#module = true;
    if (this.#files.some(({ part, loaded }) => part === "model" && loaded > 0)) this.#tell("model");
  }

  #tell(part: "module" | "model"): void {
    const files = this.#files.filter((file) => file.part === part);
    const sum = (of: "loaded" | "bytes"): number => files.reduce((sum, file) => sum + file[of], 0);
    this.#host.send({ type: "progress", part, loaded: sum("loaded"), total: sum("bytes") });
  }
}

/** What has not come by then will not come. */
async function within<T>(limit: number, what: string, promise: T | Promise<T>): Promise<T> {
  let end = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `the WebGPU ${what} did not answer within ${limit / 1_000} s`;
    end = afterAwake(limit, () => reject({ code: "no_answer", message }));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    end();
  }
}

/** Fails where nothing comes of a file for too long; `came` says that something has. */
async function unlessStalled<T>(url: string, work: (came: () => void) => Promise<T>): Promise<T> {
  let end = (): void => undefined;
  let came = (): void => undefined;
  const stalled = new Promise<never>((_, reject) => {
    const fail = (): void => {
      const message = `${fileName(url)} could not be fetched: nothing came for ${STALLED_MS / 1_000} s`;
      reject({ code: "download", message });
    };
    came = () => {
      end();
      end = afterAwake(STALLED_MS, fail);
    };
  });
  came();
  try {
    return await Promise.race([work(came), stalled]);
  } finally {
    end();
  }
}

/** Once more past the browser's cache, which may be too full or hold a damaged copy. */
async function twice<T>(action: (cache: RequestCache) => Promise<T>): Promise<T> {
  try {
    return await action("default");
  } catch {
    return action("no-store");
  }
}

/** Fetches and reports each piece as it arrives; sizes are those after decompression. */
async function download(
  host: Host,
  url: string,
  cache: RequestCache,
  part: "module" | "model",
  count: (loaded: number) => void,
): Promise<Response> {
  const response = await host.fetch(url, cache).catch((error: unknown) => {
    throw unfetched(url, error);
  });
  if (!response.ok || response.body === null)
    throw unfetched(url, `the server answered ${response.status}`);
  // As some servers answer for what they do not have.
  if (response.headers.get("content-type")?.startsWith("text/html") === true) {
    throw unfetched(url, "the server sent a web page instead");
  }
  let loaded = 0;
  // A browser keeps what it has compiled of a module only for the answer itself.
  if (part === "module" && response.headers.get("content-type") === "application/wasm") {
    void report(response.clone().body, (bytes) => {
      loaded += bytes;
      count(loaded);
    });
    return response;
  }
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      loaded += piece.byteLength;
      count(loaded);
      controller.enqueue(piece);
    },
  });
  const type = part === "module" ? "application/wasm" : "application/octet-stream";
  return new Response(response.body.pipeThrough(counter), { headers: { "content-type": type } });
}

/** Reads a copy of what is coming, for the sake of its sizes. */
async function report(
  copy: ReadableStream<Uint8Array> | null,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const reader = copy?.getReader();
  try {
    for (let piece = await reader?.read(); piece?.value !== undefined; piece = await reader?.read())
      onBytes(piece.value.byteLength);
  } catch {
    // Whoever reads the answer itself is told.
  }
}

function unfetched(url: string, why: unknown): FailureData {
  const said = why instanceof Error ? why.message : String(why);
  return {
    code: "download",
    message: `${fileName(url)} could not be fetched: ${said}`,
    columns: null,
  };
}

const fileName = (url: string): string => url.slice(url.lastIndexOf("/") + 1);

async function verified(file: Download, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  // Absent from pages served over plain http by another machine.
  if (file.sha256 === null || !("subtle" in crypto)) return bytes;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== file.sha256) {
    throw {
      code: "corrupt_download",
      message: `${fileName(file.url)} is not the file that belongs to this version`,
    };
  }
  return bytes;
}

/** Some servers declare .gz an encoding of the wire, which is undone on the way. */
function packed(file: Download, bytes: Uint8Array): Uint8Array {
  if (!file.url.endsWith(".gz") || (bytes[0] === 0x1f && bytes[1] === 0x8b)) return bytes;
  throw {
    code: "download",
    message: `${fileName(file.url)} came unpacked: the server must send it without a Content-Encoding`,
  };
}

/** Anything thrown, as it is told to those who asked. */
export function describe(error: unknown): FailureData {
  if (error instanceof WebAssembly.RuntimeError) {
    return { code: "crashed", message: error.message, columns: null };
  }
  const { code, message, columns, position } = (
    typeof error === "object" && error !== null ? error : {}
  ) as Partial<FailureData>;
  return {
    code: code ?? "unexpected",
    message: message ?? String(error),
    columns: columns?.length ? columns : null,
    ...(position === undefined ? {} : { position }),
  };
}

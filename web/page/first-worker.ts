/**
 * The first worker of the CPU, which starts before the page is drawn, beside it: it has the longest
 * way to the first value. What it says before the page asks for it is kept.
 */

import * as built from "virtual:model";
import type { Launch, Thread } from "../package/src/backend.js";
import type { Assets } from "../package/src/engines.js";
import { launch } from "../package/src/launch.js";
import type { BackendName, Download, ModelFiles, Precision } from "../package/src/protocol.js";

export function forcedBackend(): BackendName | null {
  const asked = new URLSearchParams(location.search).get("backend");
  return asked === "cpu" || asked === "webgpu" ? asked : null;
}

function precision(): Precision | null {
  const asked = new URLSearchParams(location.search).get("precision");
  return asked === "int8" || asked === "fp32" ? asked : null;
}

const absolute = ({ url, bytes, sha256 }: Download): Download => ({
  url: new URL(url, document.baseURI).href,
  bytes,
  sha256,
});
const files = ({ config, weights, vocab, domain }: typeof built.files): ModelFiles => ({
  config: absolute(config),
  weights: absolute(weights),
  vocab: absolute(vocab),
  domain: domain === null ? null : absolute(domain),
});

/** What every worker of the page is given. */
export const assets: Assets = {
  model: { ...files(built.files), domainFollows: built.domainFollows },
  embedding: files(built.embedding),
  precision: precision(),
};

type Told = Parameters<Launch>[1];

/** The worker that was started, until it is asked for. */
let waiting: ((on: Told) => Thread) | null = null;

function startFirst(): void {
  const kept: ((on: Told) => void)[] = [];
  let told: Told | null = null;
  const tell = (what: (on: Told) => void): void => {
    if (told === null) kept.push(what);
    else what(told);
  };
  let worker: Thread;
  try {
    worker = launch("cpu", {
      message: (message) => tell((on) => on.message(message)),
      error: (why) => tell((on) => on.error(why)),
    });
  } catch {
    // Whoever asks for one is told why there is none.
    return;
  }
  const { cpu: moduleBytes } = built.moduleBytes;
  worker.postMessage({ call: "start", module: null, moduleBytes, ...assets });
  waiting = (on) => {
    // Whoever asks has to know what it asked for before it is told anything.
    queueMicrotask(() => {
      told = on;
      for (const what of kept) what(on);
    });
    let started = true;
    return {
      postMessage(message) {
        // That it does, with the same, has been said.
        if (started && message.call === "start") started = false;
        else worker.postMessage(message);
      },
      terminate: () => worker.terminate(),
    };
  };
}

/** Starts workers, the first of which is there already. */
export const launchPage: Launch = (name, on) => {
  const first = name === "cpu" ? waiting : null;
  waiting = null;
  return first === null ? launch(name, on) : first(on);
};

if (forcedBackend() !== "webgpu") startFirst();

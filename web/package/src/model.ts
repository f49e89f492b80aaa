/** Where a model's files are. */

import { DelicateError } from "./errors.js";
import type { Download, ModelFiles } from "./protocol.js";
import type { ModelContents } from "./types.js";

/** As in the library's `model_dir`. */
const NAMES = {
  config: "config.json",
  weights: "model.safetensors",
  vocab: "vocab.txt",
  domain: "domain.json.gz",
};

/** What the package has inside; see build.ts. */
export interface Inside {
  config: string;
  vocab: string;
  weights: { url: string; bytes: number; sha256: string };
  domain: { url: string; bytes: number; sha256: string } | null;
  /** Whether values can be had without it. */
  domainFollows: boolean;
}

export function insideFiles({ config, vocab, ...files }: Inside): ModelFiles {
  const encoder = new TextEncoder();
  return { config: encoder.encode(config), vocab: encoder.encode(vocab), ...files };
}

/** Throws a {@link DelicateError} for what holds no bytes. */
export function contentFiles({ config, weights, vocab, domain }: ModelContents): ModelFiles {
  return {
    config: bytesOf(NAMES.config, config),
    weights: bytesOf(NAMES.weights, weights),
    vocab: bytesOf(NAMES.vocab, vocab),
    domain: domain === undefined || domain === null ? null : bytesOf(NAMES.domain, domain),
  };
}

/** A program without types may give anything. */
function bytesOf(name: string, contents: unknown): Uint8Array {
  if (contents instanceof Uint8Array) return contents;
  // Of another window or context, and the views of other widths.
  if (ArrayBuffer.isView(contents))
    return new Uint8Array(contents.buffer, contents.byteOffset, contents.byteLength);
  const type = Object.prototype.toString.call(contents).slice("[object ".length, -1);
  if (type === "ArrayBuffer") return viewed(name, contents as ArrayBuffer);
  const given = contents === undefined ? "missing" : `of type ${type}`;
  const message = `model: the contents of ${name} are ${given}: give its bytes (a Uint8Array or an ArrayBuffer), or the address of the model's directory in place of the contents of its files`;
  throw new DelicateError({ code: "argument", message });
}

function viewed(name: string, buffer: ArrayBuffer): Uint8Array {
  try {
    return new Uint8Array(buffer);
  } catch (cause) {
    const message = `model: the contents of ${name} were handed to another thread, and are empty here`;
    throw new DelicateError({ code: "argument", message }, { cause });
  }
}

/** The files of a model directory, of which `config.json` names those there are. */
export async function directoryFiles(
  folder: URL,
  read: (url: URL) => Promise<Uint8Array>,
): Promise<ModelFiles> {
  const base = folder.href.endsWith("/") ? folder.href : `${folder.href}/`;
  const address = (name: string): URL => new URL(name, base);
  const config = await read(address(NAMES.config));
  const named = namedFiles(config, address(NAMES.config).href);
  // The engine compares them with what config.json says of them.
  const part = (name: string): Download => ({ url: address(name).href, bytes: 0, sha256: null });
  return {
    config,
    weights: part(NAMES.weights),
    vocab: part(NAMES.vocab),
    domain: NAMES.domain in named ? part(NAMES.domain) : null,
  };
}

function namedFiles(config: Uint8Array, where: string): Record<string, unknown> {
  try {
    const { files } = JSON.parse(new TextDecoder().decode(config)) as { files?: object };
    return { ...files };
  } catch (cause) {
    const message = `${where} is no model's config.json: name the address of a model directory`;
    throw new DelicateError({ code: "model", message }, { cause });
  }
}

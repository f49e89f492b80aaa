/**
 * Builds the npm package into `dist`, a folder that is complete: scripts that any bundler or
 * browser takes as they are, the wasm modules and a model beside them, and their types.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { type InputOption, type OutputOptions, type Plugin, rolldown } from "rolldown";
import { domainFollows, model } from "../models.js";
import { drawingLibrary } from "./drawing-library.js";

const here = import.meta.dirname;
const web = resolve(here, "..");
const root = resolve(web, "..");
const source = join(here, "src");
const dist = join(here, "dist");
const modules = { cpu: join(web, "pkg/cpu"), webgpu: join(web, "pkg/gpu") };

/** Where the parts of the model are, seen from the scripts; no server takes `.bin` for an encoding. */
const INSIDE = { weights: "model/model.safetensors", domain: "model/domain.bin" };
const FILES = { weights: "model.safetensors", domain: "domain.json.gz" };

const bytesOf = (name: string): Buffer => readFileSync(join(model, name));
const hasDomain = existsSync(join(model, FILES.domain));

/** The model: what is small as text, what is large by its address. */
function inside(): Plugin {
  const id = "virtual:inside";
  const file = (part: keyof typeof FILES): string => {
    const bytes = bytesOf(FILES[part]);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    // In these words, by which bundlers know a file that belongs to a script.
    const url = `new URL(${JSON.stringify(`./${INSIDE[part]}`)}, import.meta.url).href`;
    return `{ url: ${url}, bytes: ${bytes.length}, sha256: ${JSON.stringify(sha256)} }`;
  };
  const size = (module: keyof typeof modules): number =>
    statSync(join(modules[module], "delicate_bg.wasm")).size;
  return {
    name: "delicate-inside",
    resolveId: (source) => (source === id ? id : null),
    load: (found) =>
      found === id
        ? `export const model = {
  config: ${JSON.stringify(bytesOf("config.json").toString("utf8"))},
  vocab: ${JSON.stringify(bytesOf("vocab.txt").toString("utf8"))},
  weights: ${file("weights")},
  domain: ${hasDomain ? file("domain") : "null"},
  domainFollows: ${domainFollows(model)},
};
export const moduleBytes = { cpu: ${size("cpu")}, webgpu: ${size("webgpu")} };`
        : null,
  };
}

/** Addresses in the sources, and what they are in the package. */
const ADDRESSES: [script: RegExp, address: string, inside: string][] = [
  [/[\\/]src[\\/]launch\.ts$/, '"./worker/cpu.ts"', '"./worker/cpu.js"'],
  [/[\\/]src[\\/]launch\.ts$/, '"./worker/webgpu.ts"', '"./worker/webgpu.js"'],
  [/[\\/]worker[\\/]cpu\.ts$/, '"../../../pkg/cpu/delicate_bg.wasm"', '"./cpu.wasm"'],
  [/[\\/]worker[\\/]webgpu\.ts$/, '"../../../pkg/gpu/delicate_bg.wasm"', '"./webgpu.wasm"'],
  [/[\\/]node[\\/]worker\.ts$/, '"../../../pkg/cpu/delicate_bg.wasm"', '"./cpu.wasm"'],
];
/** The bindings' own address, if they have one; it is never used, but bundlers look for the file. */
const OWN_ADDRESS = /new URL\(["']delicate_bg\.wasm["'], import\.meta\.url\)/g;

function addresses(): Plugin {
  return {
    name: "delicate-addresses",
    transform(code, id) {
      let text = code;
      for (const [script, address, inside] of ADDRESSES) {
        if (!script.test(id)) continue;
        if (!text.includes(address)) this.error(`${id} has changed: no ${address} in it`);
        text = text.replaceAll(address, inside);
      }
      if (/[\\/]pkg[\\/]\w+[\\/]delicate\.js$/.test(id))
        text = text.replaceAll(OWN_ADDRESS, "undefined");
      return text === code ? null : { code: text, map: null };
    },
  };
}

async function bundle(
  input: InputOption,
  platform: "browser" | "node",
  output: OutputOptions,
): Promise<void> {
  const build = await rolldown({
    input,
    platform,
    plugins: [inside(), addresses(), drawingLibrary()],
    resolve: {
      alias: { "delicate-cpu": modules.cpu, "delicate-webgpu": modules.webgpu },
    },
    transform: { target: "es2022" },
  });
  await build.write({ dir: dist, format: "es", entryFileNames: "[name].js", ...output });
  await build.close();
}

/** The types that the package's own refer to, from the compiler and from the wasm module. */
function types(): void {
  const made = join(dist, "made");
  const compiler = join(web, "node_modules/typescript/bin/tsc");
  const options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir", made];
  execFileSync(
    process.execPath,
    [compiler, "-p", source, ...options, "--rootDir", source, "--stripInternal"],
    { stdio: "inherit" },
  );
  const waiting = ["index.d.ts", "elements/index.d.ts"];
  const done = new Set<string>();
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (done.has(file)) continue;
    done.add(file);
    const from = dirname(file);
    const text = readFileSync(join(made, file), "utf8").replaceAll(
      /from "([^"]+)"|import\("([^"]+)"\)/g,
      (found, named: string | undefined, imported: string | undefined) => {
        const target = named ?? imported ?? "";
        if (target.startsWith("delicate-")) {
          const path = relative(from, "wasm.js").replaceAll("\\", "/");
          return found.replace(target, path.startsWith(".") ? path : `./${path}`);
        }
        waiting.push(join(from, target.replace(/\.js$/, ".d.ts")));
        return found;
      },
    );
    mkdirSync(dirname(join(dist, "types", file)), { recursive: true });
    writeFileSync(join(dist, "types", file), text);
  }
  rmSync(made, { recursive: true });
  // Of the bindings, the shapes: its classes and functions are no part of what the package offers.
  const bindings = readFileSync(join(modules.cpu, "delicate.d.ts"), "utf8");
  const end = bindings.search(/^\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*^export class /m);
  if (end === -1) throw new Error("the bindings have changed: no class in delicate.d.ts");
  writeFileSync(join(dist, "types/wasm.d.ts"), bindings.slice(0, end));
}

const needed = [
  ...Object.values(modules).map((folder) => join(folder, "delicate_bg.wasm")),
  ...["config.json", "vocab.txt", FILES.weights].map((name) => join(model, name)),
];
const missing = needed.filter((file) => !existsSync(file));
if (missing.length > 0)
  throw new Error(`the package needs the built wasm modules and a model; missing: ${missing}`);

rmSync(dist, { recursive: true, force: true });
const entry = (path: string): string => join(source, path);
await bundle({ index: entry("index.ts"), elements: entry("elements/index.ts") }, "browser", {
  // What both have in common, and what is loaded on demand.
  chunkFileNames: ({ name }) => (name === "src" ? "common.js" : "[name].js"),
});
// Each in one file, as bundlers put them into one.
await bundle({ "worker/cpu": entry("worker/cpu.ts") }, "browser", {});
await bundle({ "worker/webgpu": entry("worker/webgpu.ts") }, "browser", {});
await bundle({ node: entry("node/index.ts") }, "node", {});
await bundle({ "worker/node": entry("node/worker.ts") }, "node", {});
types();

const put = (from: string, to: string): void => cpSync(from, join(dist, to));
put(join(modules.cpu, "delicate_bg.wasm"), "worker/cpu.wasm");
put(join(modules.webgpu, "delicate_bg.wasm"), "worker/webgpu.wasm");
put(join(model, FILES.weights), INSIDE.weights);
if (hasDomain) put(join(model, FILES.domain), INSIDE.domain);
put(join(model, "README.md"), "model/README.md");
for (const name of ["LICENSE-APACHE", "LICENSE-MIT", "NOTICE.md"]) put(join(root, name), name);
put(join(here, "README.md"), "README.md");
// The version is written down once, for everything.
const version = /^\[workspace\.package\]\nversion = "(.+)"$/m.exec(
  readFileSync(join(root, "Cargo.toml"), "utf8"),
)?.[1];
if (version === undefined) throw new Error("Cargo.toml has no version of the workspace");
const { name, ...rest } = JSON.parse(readFileSync(join(here, "package.json"), "utf8")) as {
  name: string;
};
writeFileSync(
  join(dist, "package.json"),
  `${JSON.stringify({ name, version, ...rest }, null, 2)}\n`,
);

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, extname, join, resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";
import { renderCard } from "./card.js";
import { domainFollows, embedding, model } from "./models.js";
import { drawingLibrary } from "./package/drawing-library.js";
import { parametersIn } from "./weights.js";

const here = import.meta.dirname;
const dist = resolve(process.env.DELICATE_DIST ?? join(here, "dist"));
/** A page without WebGPU is built sooner; the other engine's module only fills the place. */
const withoutWebGpu = process.env.DELICATE_WITHOUT_WEBGPU !== undefined;
const modules = {
  cpu: resolve(here, "pkg/cpu"),
  webgpu: resolve(here, withoutWebGpu ? "pkg/cpu" : "pkg/gpu"),
};

const sha256 = (bytes: Uint8Array, encoding: "hex" | "base64"): string =>
  createHash("sha256").update(bytes).digest(encoding);

/** The licences' notices accompany the binaries. */
function notices(): Plugin {
  return {
    name: "delicate-notices",
    generateBundle() {
      this.emitFile({
        type: "asset",
        fileName: "notice.txt",
        source: readFileSync(resolve(here, "../NOTICE.md")),
      });
    },
  };
}

const PARTS = {
  config: "config.json",
  weights: "model.safetensors",
  vocab: "vocab.txt",
  domain: "domain.json.gz",
};
/**
 * Under this name it arrives as it is: a server may take .gz for an encoding of the wire, which
 * the browser would undo.
 */
const ENDINGS: Record<string, string> = { ".gz": ".bin" };

/** Puts the models' files beside the page under names that carry their hash. */
function modelFiles(): Plugin {
  const id = "virtual:model";
  return {
    name: "delicate-model",
    buildStart() {
      const needed = [
        ...Object.values(modules).flatMap((folder) => [
          join(folder, "delicate.js"),
          join(folder, "delicate_bg.wasm"),
        ]),
        ...["config.json", "model.safetensors", "vocab.txt", "README.md"].flatMap((name) => [
          join(model, name),
          join(embedding, name),
        ]),
      ];
      const missing = needed.filter((file) => !existsSync(file));
      if (missing.length > 0) {
        this.error(
          `the page needs the built wasm modules and a model folder; missing: ${missing.join(", ")}`,
        );
      }
    },
    resolveId(source) {
      return source === id ? `\0${id}` : null;
    },
    load(resolved) {
      if (resolved !== `\0${id}`) return null;
      const files = (model: string, prefix: string) => {
        const files: Record<string, { url: string; bytes: number; sha256: string } | null> = {};
        for (const [part, name] of Object.entries(PARTS)) {
          if (part === "domain" && !existsSync(join(model, name))) {
            files[part] = null;
            continue;
          }
          const source = readFileSync(join(model, name));
          const hash = sha256(source, "hex");
          const extension = extname(name);
          const fileName = `model/${prefix}${basename(name, extension)}.${hash.slice(0, 12)}${ENDINGS[extension] ?? extension}`;
          this.emitFile({ type: "asset", fileName, source });
          files[part] = { url: fileName, bytes: source.length, sha256: hash };
        }
        return files;
      };
      const moduleBytes = Object.fromEntries(
        Object.entries(modules).map(([backend, folder]) => [
          backend,
          backend === "webgpu" && withoutWebGpu
            ? 0
            : statSync(join(folder, "delicate_bg.wasm")).size,
        ]),
      );
      const code = Object.values(modules)
        .map((folder) => sha256(readFileSync(join(folder, "delicate_bg.wasm")), "hex"))
        .join(" ");
      const parameters = parametersIn(readFileSync(join(model, PARTS.weights)));
      return `export const name = ${JSON.stringify(basename(model))};
export const parameters = ${parameters};
export const code = ${JSON.stringify(code)};
export const domainFollows = ${domainFollows(model)};
export const files = ${JSON.stringify(files(model, ""))};
export const embedding = ${JSON.stringify(files(embedding, "embedding-"))};
export const moduleBytes = ${JSON.stringify(moduleBytes)};`;
    },
  };
}

/** Puts the model card into the page. */
function modelCard(): Plugin {
  const mark = "<!-- the model card -->";
  return {
    name: "delicate-card",
    // After Vite's own work on the page, which is not to look for files in the card.
    transformIndexHtml: {
      order: "post",
      handler(html) {
        if (!html.includes(mark)) throw new Error(`index.html has no place for the card: ${mark}`);
        return html.replace(mark, () => renderCard(readFileSync(join(model, "README.md"), "utf8")));
      },
    },
  };
}

/** Has the page's own code fetched beside what starts its first worker, which asks for it later. */
function preload(): Plugin {
  return {
    name: "delicate-preload",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_, { bundle }) {
        const main = Object.values(bundle ?? {}).find(({ name }) => name === "main");
        if (main === undefined) throw new Error("the page's own code was not built apart");
        const attrs = { rel: "modulepreload", href: `./${main.fileName}` };
        return [{ tag: "link", attrs, injectTo: "head" }];
      },
    },
  };
}

/** Gives the service worker the list of what was built, each file with its hash. */
function offline(): Plugin {
  return {
    name: "delicate-offline",
    apply: "build",
    // On disk, last: only then are all names and contents final.
    writeBundle: {
      order: "post",
      sequential: true,
      handler() {
        const worker = join(dist, "sw.js");
        const webgpu = readFileSync(join(modules.webgpu, "delicate_bg.wasm"));
        const files = readdirSync(dist, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
          .filter((file) => file !== worker)
          .map((file) => file.slice(dist.length + 1).replaceAll("\\", "/"))
          .sort()
          .map((file) => {
            const source = readFileSync(join(dist, file));
            const integrity = `sha256-${sha256(source, "base64")}`;
            return [file, integrity, !withoutWebGpu && webgpu.equals(source)];
          });
        const list = JSON.stringify(files);
        const build = sha256(Buffer.from(list), "hex").slice(0, 12);
        const code = readFileSync(worker, "utf8");
        if (!code.includes("__FILES__") || !code.includes("__BUILD__")) {
          this.error("the service worker has no place for its list of files");
        }
        writeFileSync(
          worker,
          code.replaceAll("__FILES__", () => list).replaceAll("__BUILD__", JSON.stringify(build)),
        );
      },
    },
  };
}

export default defineConfig({
  root: join(here, "page"),
  // Works at a domain's root and under any path.
  base: "./",
  clearScreen: false,
  plugins: [modelFiles(), modelCard(), notices(), drawingLibrary(), preload(), offline()],
  resolve: { alias: { "delicate-cpu": modules.cpu, "delicate-webgpu": modules.webgpu } },
  worker: {
    format: "es",
    rollupOptions: { output: { entryFileNames: "assets/[name].[hash].js" } },
  },
  build: {
    outDir: dist,
    emptyOutDir: true,
    target: "es2022",
    // No data: URLs, which the content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: {
      input: { page: join(here, "page/index.html"), sw: join(here, "page/worker/offline.ts") },
      output: {
        entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name].[hash].js"),
        chunkFileNames: "assets/[name].[hash].js",
        assetFileNames: "assets/[name].[hash][extname]",
      },
    },
  },
  preview: { host: "127.0.0.1", port: 4173 },
});

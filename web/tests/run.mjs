// Runs a file of TypeScript through Vite's own loader: a test by its name, another by its path.
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const [, , name] = process.argv;
const root = fileURLToPath(new URL(".", import.meta.url));
const file = name.endsWith(".ts") ? name : `${name}.test.ts`;
await runnerImport(`${root}${file}`, { root, configFile: false, logLevel: "error" });

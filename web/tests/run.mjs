// Runs one of the test files, which are TypeScript, through Vite's own loader.
import { fileURLToPath } from "node:url";
import { runnerImport } from "vite";

const [, , name] = process.argv;
const root = fileURLToPath(new URL(".", import.meta.url));
await runnerImport(`${root}${name}.test.ts`, { root, configFile: false, logLevel: "error" });

// Runs one of the test files, which are TypeScript, through Vite's own loader.
import { runnerImport } from "vite";

const [, , name] = process.argv;
const root = new URL(".", import.meta.url).pathname;
await runnerImport(`${root}${name}.test.ts`, { root, configFile: false, logLevel: "error" });

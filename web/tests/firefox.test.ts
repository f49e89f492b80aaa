/** The built page in a real headless Firefox, on the CPU. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Checks } from "./checks.js";
import { Firefox, findFirefox } from "./firefox.js";
import { serve } from "./server.js";

const here = import.meta.dirname;
const dist = join(here, "../dist");
const examples = join(here, "../page/example.smi");
const checks = new Checks();
/** Where the screenshots go, for whoever wants to look at them. */
const pictures = process.env.DELICATE_SCREENSHOTS ?? "";

/** Helpers that a script in the page has. */
const HELPERS = `
const find = (selector) => document.querySelector(selector);
const until = async (what, holds) => {
  const limit = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > limit) throw new Error("never came: " + what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
`;

async function main(): Promise<void> {
  const executable = findFirefox();
  if (executable === null) return checks.skip("firefox", "no firefox found");
  if (!existsSync(join(dist, "index.html"))) return checks.skip("firefox", "web/dist is not built");
  const site = await serve(dist);
  const firefox = await Firefox.launch(executable);
  try {
    await firefox.resize(1280, 900);
    await firefox.goto(`${site.url}?backend=cpu`);
    await testScores(firefox);
  } finally {
    await firefox.close();
    await site.close();
  }
}

async function testScores(firefox: Firefox): Promise<void> {
  const run = <T>(body: string): Promise<T> => firefox.run<T>(HELPERS + body);
  const bin = process.env.DELICATE_BIN;

  await checks.check("firefox: the example's rows are scored in order", async () => {
    const { states, summary } = await run<{ states: string[]; summary: string }>(`
      find("#example").click();
      find("#score").click();
      await until("results", () => /^Done/.test(find("#status").textContent));
      // In lines, of which the table shows more at once.
      find("#structures").click();
      await until("lines", () => document.querySelectorAll("#results tr[data-row]").length > 11);
      return {
        states: [...document.querySelectorAll("#results tr[data-row]")].map((row) => row.className),
        summary: find("#summary").innerText,
      };`);
    ok(/\b2 errors\b/.test(summary), summary);
    ok(states.length >= 12 && states.every((state) => /scored|failed/.test(state)), `${states}`);
  });

  const sameName = "firefox: the numbers are the native command's";
  if (bin === undefined || bin === "") checks.skip(sameName, "DELICATE_BIN is not set");
  else {
    await checks.check(sameName, async () => {
      const { stdout } = await promisify(execFile)(
        bin,
        ["score", examples, "--device", "cpu", "--precision", "int8", "--format", "json"],
        { maxBuffer: 2 ** 26 },
      );
      type Written = { scores: Record<string, { value: number }> | null };
      const native = (JSON.parse(stdout) as Written[]).map(({ scores }) =>
        Object.values(scores ?? {}).map(({ value }) => value),
      );
      const shown = await run<{ row: number; values: number[] }[]>(`
        return [...document.querySelectorAll("#results tr[data-row]")].map((line) => ({
          row: Number(line.dataset.row),
          values: [...line.querySelectorAll("td.number > data")].map(({ value }) => Number(value)),
        }));`);
      ok(shown.length >= 12);
      for (const { row, values } of shown) {
        const expected = native[row] ?? [];
        // Which columns are shown is the user's choice; without one, some of the first.
        ok(expected.length === 0 ? values.length === 0 : values.length > 0, `row ${row + 1}`);
        for (const value of values)
          ok(
            expected.some(
              (other) => Math.abs(other - value) <= 1e-3 * Math.max(1, Math.abs(other)),
            ),
            `row ${row + 1}: ${value} is not among ${expected}`,
          );
      }
    });
  }

  await checks.check("firefox: molecules are drawn, and a row in full has its atoms", async () => {
    const drawn = await run<{ table: number; atoms: number; name: string }>(`
      find("#structures").click();
      await until("drawings", () => document.querySelectorAll("#viewport svg.molecule").length > 1);
      const table = document.querySelectorAll("#viewport svg.molecule").length;
      find("#results tbody th button").click();
      await until("shares", () => find("#details .drawing.large[data-shares]") !== null);
      return {
        table,
        atoms: document.querySelectorAll("#details .share").length,
        name: find("#details svg.molecule").getAttribute("aria-label"),
      };`);
    ok(drawn.table > 1 && drawn.atoms > 0, JSON.stringify(drawn));
    if (pictures !== "") await firefox.screenshot(join(pictures, "firefox-details.png"));
  });

  await checks.check("firefox: the table is ranked, filtered and exported", async () => {
    const found = await run<{ state: string; shown: number; csv: string }>(`
      find("#details").close();
      find("#screening-open").click();
      find("#actives").value = "CC(=O)Oc1ccccc1C(=O)O aspirin\\nbad(";
      find("#rank").click();
      await until("a ranking", () => /^Ranked/.test(find("#rank-state").textContent));
      find("#filter").value = "c1";
      find("#filter").dispatchEvent(new Event("input", { bubbles: true }));
      await until("fewer rows", () => / shown/.test(find("#summary").textContent));
      const make = URL.createObjectURL;
      const taken = new Promise((resolve) => {
        URL.createObjectURL = (blob) => {
          resolve(blob);
          return make.call(URL, blob);
        };
      });
      find("[data-format=csv]").click();
      const csv = await (await taken).text();
      URL.createObjectURL = make;
      return {
        state: find("#rank-state").textContent,
        shown: Number(/(\\d+) shown/.exec(find("#summary").textContent)[1]),
        csv,
      };`);
    ok(/1 of 2 references could not be used.*line 2/.test(found.state), found.state);
    const [head = "", ...rows] = found.csv.trimEnd().split("\n");
    ok(head.includes(",similarity_to_reference,nearest_reference,"), head.slice(0, 200));
    equal(rows.length, found.shown);
    ok(rows[0]?.includes(",1.0000,aspirin,"), rows[0]?.slice(0, 200));
  });

  await checks.check("firefox: the page asked no other server for anything", async () => {
    const foreign = await run<string[]>(`
      return performance.getEntriesByType("resource").map(({ name }) => name)
        .filter((name) => new URL(name).origin !== location.origin);`);
    deepEqual(foreign, []);
    equal(await run<boolean>("return isSecureContext;"), true);
  });
}

await main();
checks.finish();

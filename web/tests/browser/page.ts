/** The page in a browser, as the tests of every group use it. */

import { deepEqual, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { Checks } from "../checks.js";
import type { Served } from "../server.js";

export const execute = promisify(execFile);

export const here = import.meta.dirname;

export const dist = join(here, "../../dist");

export const EXAMPLE_ROWS = 20;

/** A software adapter takes minutes for what a real one does in no time. */
export const LIMIT = 5 * 60_000;

export type Backend = "cpu" | "webgpu";

export const checks = new Checks();

/** A page with what went wrong on it. */
interface Visit {
  page: Page;
  context: BrowserContext;
  faults: string[];
}

/** The details of a row, as shown. */
export interface Explained {
  smiles: string;
  values: number[];
  intervals: string[];
  domains: (string | null)[];
  neighbours: { smiles: string; similarity: number }[];
  /** One list of the atoms' contributions an endpoint. */
  contributions: number[][];
}

export async function isCalibrated(): Promise<boolean> {
  return (await readdir(join(dist, "model"))).some((name) => /^domain\..*\.bin$/.test(name));
}

/** What the page says, for whoever asks why something did not come. */
async function words(page: Page): Promise<string> {
  const said = await page.evaluate(() =>
    ["status", "summary", "message", "engine-facts"].map(
      (id) => document.getElementById(id)?.textContent ?? "",
    ),
  );
  return `the page says: ${said.join(" | ")}`;
}

/** Waits until this holds in the page; where it does not, what the page says is told. */
export async function until<Arg>(
  page: Page,
  what: string,
  holds: (arg: Arg) => boolean | Promise<boolean>,
  arg: Arg,
  timeout = LIMIT,
): Promise<void> {
  const condition = holds as (arg: unknown) => boolean | Promise<boolean>;
  await page.waitForFunction(condition, arg, { timeout }).catch(async () => {
    throw new Error(`${what}: not within ${timeout / 1_000} s; ${await words(page)}`);
  });
}

export const drawn = (page: Page, within: string, count: number): Promise<void> =>
  until(
    page,
    `${count} drawings in ${within}`,
    ([within, count]) =>
      document.querySelectorAll(`${within} svg.molecule`).length >= (count as number),
    [within, count] as const,
  );

/** What axe-core finds wrong, a line each. */
export async function violations(page: Page): Promise<string[]> {
  const axe = await readFile(join(here, "../../node_modules/axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  return page.evaluate<string[]>(`axe.run(document, { resultTypes: ["violations"] }).then(
    ({ violations }) => violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => id + ": " + node.target.join(" ") + ": " + node.failureSummary)))`);
}

export async function open(
  browser: Browser,
  url: string,
  site: Served,
  options: { viewport?: { width: number; height: number }; colorScheme?: "dark" } = {},
): Promise<Visit> {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`page: ${error.message}`));
  context.on("request", (request) => {
    const { origin, search } = new URL(request.url());
    if (origin !== site.origin && !request.url().startsWith(`blob:${site.origin}`))
      faults.push(`request to ${request.url()}`);
    if (
      request.method() !== "GET" ||
      request.postData() !== null ||
      !/^(\?backend=\w+(&precision=\w+)?)?$/.test(search)
    ) {
      faults.push(`request that carries something: ${request.method()} ${request.url()}`);
    }
  });
  await page.goto(url);
  await started(page);
  return { page, context, faults };
}

/** Waits until the page listens: its script is fetched by another, which a load does not wait for. */
export const started = (page: Page): Promise<void> =>
  until(
    page,
    "the page has started",
    () => document.documentElement.dataset.started === "true",
    null,
  );

/** Waits until the browser's database has all that is to be there. */
export const kept = (page: Page): Promise<void> =>
  until(page, "all is kept", () => document.documentElement.dataset.keeping !== "true", null);

export async function checkQuiet(name: string, visit: Visit): Promise<void> {
  await checks.check(name, () => deepEqual(visit.faults, []));
}

/** The roles of what takes the focus and tells a screen reader no name. */
export async function nameless(page: Page, context: BrowserContext): Promise<unknown[]> {
  const session = await context.newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  ok(nodes.length > 50, "the tree was read");
  const found = nodes.filter((node) => {
    const focusable =
      node.properties?.some(({ name, value }) => name === "focusable" && value.value === true) ===
      true;
    return focusable && node.ignored !== true && String(node.name?.value ?? "").trim() === "";
  });
  return found.map((node) => node.role?.value);
}

export async function settled(page: Page): Promise<void> {
  await until(
    page,
    "it is settled which engine is used",
    () => document.getElementById("engine")?.dataset.settled === "true",
    null,
  );
}

/** Chooses a file and waits until its rows are shown. */
export async function openFile(
  page: Page,
  name: string,
  lines: string[],
  rows = lines.length,
): Promise<void> {
  // The file before may have had its name and its rows.
  await page.evaluate(() => {
    for (const id of ["file-name", "summary"]) document.getElementById(id)?.replaceChildren();
  });
  await page.setInputFiles("#picker", {
    name,
    mimeType: "text/plain",
    buffer: Buffer.from(`${lines.join("\n")}\n`),
  });
  await until(
    page,
    `${name} is open`,
    ([rows, name]) =>
      document.getElementById("file-name")?.textContent === name &&
      document.getElementById("summary")?.textContent?.startsWith(rows as string) === true,
    [`${rows.toLocaleString("en")} rows ·`, name],
  );
}

/** Puts a text into the box at once: so many typed lines would be laid out for half a minute. */
export const putText = (page: Page, text: string): Promise<void> =>
  page.locator("#smiles").evaluate((box, text) => {
    (box as HTMLTextAreaElement).value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }, text);

/** Presses Score and waits for the end. */
export async function score(page: Page, limit = LIMIT): Promise<void> {
  await page.evaluate(() => {
    const status = document.getElementById("status");
    if (status !== null) status.textContent = "";
  });
  await page.locator("#score").click();
  await finished(page, limit);
}

/** Presses Score, and waits until the first rows have their values. */
export async function startScoring(page: Page): Promise<void> {
  await page.locator("#score").click();
  await until(
    page,
    "the first rows are scored",
    () => document.querySelector("#results:not([hidden]) tbody tr.scored") !== null,
    null,
  );
}

export async function finished(page: Page, limit: number): Promise<void> {
  await until(
    page,
    "scoring is done",
    () => document.getElementById("status")?.textContent?.startsWith("Done") === true,
    null,
    limit,
  );
  await nextFrame(page);
}

/** Waits until more rows than these are scored. */
export const moreScored = (page: Page, before: number): Promise<void> =>
  until(
    page,
    `more than ${before} rows are scored`,
    (before) =>
      Number(
        /([\d,]+) scored/
          .exec(document.getElementById("summary")?.textContent ?? "")?.[1]
          ?.replaceAll(",", ""),
      ) > before,
    before,
  );

/**
 * Waits until all rows of the table are scored, and nothing is under way; where engines fail
 * meanwhile the last words may be of them.
 */
export async function allScored(page: Page, rows: number): Promise<void> {
  await until(
    page,
    "all rows are scored",
    (scored) => document.getElementById("summary")?.textContent?.endsWith(scored) === true,
    `· ${rows.toLocaleString("en")} scored`,
  );
  await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
  await nextFrame(page);
}

/** Waits for the next frame, in which what is known is drawn. */
export async function nextFrame(page: Page): Promise<void> {
  await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
  );
}

export const status = async (page: Page): Promise<string> =>
  (await page.locator("#status").textContent()) ?? "";

/** An uncaught error is what a trap in the wasm module or a lost device comes to. */
export async function crash(page: Page): Promise<void> {
  // The newest: one that was just replaced may still be listed.
  const worker = page
    .workers()
    .findLast((worker) => /\/(cpu|webgpu)\.[^/]*\.js$/.test(worker.url()));
  if (worker === undefined) throw new Error("no worker is running");
  await worker.evaluate(() => {
    setTimeout(() => {
      throw new Error("killed by a test");
    });
  });
}

export async function counts(
  page: Page,
): Promise<{ rows: number; scored: number; errors: number }> {
  const summary = await page.locator("#summary").innerText();
  const number = (noun: string): number =>
    Number(new RegExp(`([\\d,]+) ${noun}`).exec(summary)?.[1]?.replaceAll(",", "") ?? 0);
  return { rows: number("row"), scored: number("scored"), errors: number("error") };
}

interface Shown {
  number: string;
  smiles: string;
  fields: string[];
  values: number[];
  reason: string | null;
  mark: string | null;
}

const lacksValues = (rows: Shown[]): boolean =>
  rows.some(({ values, reason }) => values.length === 0 && reason === null);

/** The visible rows once all have values: a busy page paints them after it counts them. */
export async function paintedRows(page: Page): ReturnType<typeof visibleRows> {
  let rows = await visibleRows(page);
  for (let tries = 0; tries < 100 && lacksValues(rows); tries += 1) {
    await page.waitForTimeout(50);
    rows = await visibleRows(page);
  }
  return rows;
}

/** The rows that the table holds now, as shown. */
export async function visibleRows(page: Page): Promise<Shown[]> {
  await nextFrame(page);
  return page.locator("#results tbody tr:not(.spacer)").evaluateAll((rows) =>
    rows.map((row) => ({
      number: row.querySelector("th button")?.lastChild?.textContent ?? "",
      smiles: row.querySelector("td code")?.textContent ?? "",
      fields: [...row.querySelectorAll("td")].map((cell) => cell.textContent ?? ""),
      values: [...row.querySelectorAll("data")].map((cell) => Number(cell.value)),
      reason: row.querySelector(".fault")?.lastChild?.textContent ?? null,
      mark: row.querySelector("mark")?.textContent ?? null,
    })),
  );
}

/** Opens the details of a row, reads what they say once it is explained, and closes them. */
export async function explanation(page: Page, row: number): Promise<Explained> {
  const dialog = page.locator("#details");
  await page.locator("#results tbody th button").nth(row).click();
  await dialog.locator(".atoms").waitFor({ timeout: LIMIT });
  const found = await dialog.evaluate((dialog) => {
    const texts = (selector: string): string[] =>
      [...dialog.querySelectorAll(selector)].map((cell) => cell.textContent ?? "");
    return {
      smiles: dialog.querySelector(".atoms")?.textContent ?? "",
      values: [...dialog.querySelectorAll<HTMLDataElement>(".predictions td.number data")].map(
        (cell) => Number(cell.value),
      ),
      intervals: texts('.predictions td[data-label="90 % interval"] > :first-child').map((text) =>
        text.includes(" to ") ? text : "–",
      ),
      domains: [...dialog.querySelectorAll('.predictions td[data-label="Domain"]')].map(
        (cell) => cell.querySelector(".domain")?.textContent ?? null,
      ),
      neighbours: [...dialog.querySelectorAll(".predictions .neighbour")].map((cell) => ({
        smiles: cell.querySelector("code")?.textContent ?? "",
        similarity: Number(cell.querySelector("data")?.value),
      })),
    };
  });
  const contributions: number[][] = [];
  const choice = dialog.locator(".contribution-endpoint");
  const endpoints = await choice.locator("option").count();
  for (let endpoint = 0; endpoint < Math.max(1, endpoints); endpoint += 1) {
    if (endpoints > 0) await choice.selectOption(String(endpoint));
    contributions.push(
      await dialog
        .locator(".atom")
        .evaluateAll((atoms) => atoms.map((atom) => Number((atom as HTMLDataElement).value))),
    );
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  return { ...found, contributions };
}

export async function exported(
  page: Page,
  format: "csv" | "json" | "jsonl" | "sdf",
): Promise<string> {
  // Chromium was once seen to tell of none for a minute.
  for (const timeout of [30_000, 60_000]) {
    const [download] = await Promise.all([
      page.waitForEvent("download", { timeout }).catch(() => null),
      page.locator(`[data-format="${format}"]`).click(),
    ]);
    if (download !== null) return readFile(await download.path(), "utf8");
    console.log(`# no ${format} file came within ${timeout / 1_000} s; ${await words(page)}`);
  }
  throw new Error(`no ${format} file came, and none when it was asked for again`);
}

export const cycle = (smiles: string[], total: number): string[] =>
  Array.from({ length: total }, (_, index) => `${smiles[index % smiles.length]}\tmol-${index}`);

export function csv(text: string): string[][] {
  const rows: string[][] = [];
  for (const line of text.trimEnd().split(/\r?\n/)) {
    const cells = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)];
    rows.push(cells.map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare ?? ""));
  }
  return rows;
}

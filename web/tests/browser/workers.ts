/** Workers that crash, end or hang. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import type { Served } from "../server.js";
import {
  allScored,
  checks,
  counts,
  crash,
  csv,
  cycle,
  exported,
  finished,
  LIMIT,
  moreScored,
  open,
  openFile,
  score,
  settled,
  startScoring,
  until,
} from "./page.js";

export async function testCrash(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  // So many that fast machines are still scoring when workers end.
  const many = 4_000;
  const begin = async (): Promise<void> => {
    await openFile(page, "many.smi", cycle(["CC(=O)Oc1ccccc1C(=O)O", "CCO"], many));
    await startScoring(page);
  };
  await checks.check("cpu: a crashed worker is replaced and no row is lost", async () => {
    await settled(page);
    await begin();
    await crash(page);
    await allScored(page, many);
    deepEqual(await counts(page), { rows: many, scored: many, errors: 0 });
    const rows = csv(await exported(page, "csv"));
    equal(rows.length, many + 1);
    ok(
      rows.every(
        (row) =>
          row.length === rows[0]?.length && row.every((cell, place) => place > 2 || cell !== ""),
      ),
      "the export has the rows of both workers",
    );
    const facts = (await page.locator("#engine-facts").textContent()) ?? "";
    ok(/a new one took over|another can take its place/.test(facts), facts);
  });
  await checks.check("cpu: workers that end without a word are replaced", async () => {
    await page.locator("#file-remove").click();
    await begin();
    for (const worker of page.workers()) await worker.evaluate(() => self.close());
    await allScored(page, many);
    deepEqual(await counts(page), { rows: many, scored: many, errors: 0 });
    // A lock says so, which may be let go of after the last row.
    await until(
      page,
      "it is said that they ended",
      () =>
        document.getElementById("engine-facts")?.textContent?.includes("ended without a word") ===
        true,
      null,
    );
  });
  await checks.check("cpu: a worker that never starts keeps no run from its end", async () => {
    await page.locator("#file-remove").click();
    await page.context().route("**/cpu.*.js", () => undefined);
    const few = 600;
    await openFile(page, "few.smi", cycle(["CCO", "CCN"], few));
    await startScoring(page);
    await finished(page, 120_000);
    deepEqual(await counts(page), { rows: few, scored: few, errors: 0 });
    await page.context().unroute("**/cpu.*.js");
  });
  await checks.check("cpu: cancelling ends within seconds though workers hang", async () => {
    await page.locator("#file-remove").click();
    await begin();
    // New workers show values before these count as scored.
    await moreScored(page, 0);
    for (const worker of page.workers())
      void worker
        .evaluate(() => {
          for (;;) Math.random();
        })
        .catch(() => undefined);
    // After the batch that is under way.
    await page.waitForTimeout(5_000);
    await page.locator("#cancel").click();
    await page.locator("#cancel").waitFor({ state: "hidden", timeout: 60_000 });
    const { scored } = await counts(page);
    ok(scored > 0, "what was scored is kept");
    await page.locator("#score").click();
    await finished(page, LIMIT);
    deepEqual(await counts(page), { rows: many, scored: many, errors: 0 });
  });
  await visit.context.close();
}

/** What cannot be fetched as the page starts is told, with what to do about it. */
export async function testStart(browser: Browser, site: Served): Promise<void> {
  const message = (page: Page) => page.locator("#message");
  for (const [name, file] of [
    ["the engine’s module", "**/*.wasm"],
    ["the engine’s script", "**/cpu.*.js"],
    ["the model", "**/model/*.safetensors"],
  ] as const)
    await checks.check(`cpu: ${name} that cannot be fetched is told, and tried again`, async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      const thrown: string[] = [];
      page.on("pageerror", (error) => thrown.push(error.message));
      await context.route(file, (route) => route.abort());
      await page.goto(`${site.url}?backend=cpu`);
      await message(page).getByText("could not be").waitFor({ timeout: LIMIT });
      const said = await message(page).innerText();
      ok(!said.includes("object"), said);
      deepEqual(thrown, []);
      await context.unroute(file);
      await page.getByRole("button", { name: "Try again" }).click();
      await settled(page);
      await page.locator("#smiles").fill("CCO ethanol");
      await score(page);
      ok(await message(page).isHidden());
      await context.close();
    });
  await checks.check("cpu: a first worker that never starts is told", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.clock.install();
    await context.route("**/cpu.*.js", () => undefined);
    await page.goto(`${site.url}?backend=cpu`);
    await page.clock.runFor(60_000);
    await message(page).getByText("did not start within 60 s").waitFor({ timeout: LIMIT });
    await context.close();
  });
  await checks.check("cpu: workers that are given no lock score all the same", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.clock.install();
    await context.route("**/cpu.*.js", async (route) => {
      const response = await route.fetch();
      const refused = "navigator.locks.request = () => Promise.reject(new Error('refused'));";
      await route.fulfill({ response, body: refused + (await response.text()) });
    });
    await page.goto(`${site.url}?backend=cpu`);
    await settled(page);
    await page.clock.runFor(120_000);
    await page.locator("#smiles").fill("CCO ethanol");
    await score(page);
    const facts = (await page.locator("#engine-facts").textContent()) ?? "";
    ok(!facts.includes("stopped"), facts);
    await context.close();
  });
  await checks.check("cpu: the page’s script that cannot be fetched is told", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await context.route("**/assets/page.*.js", (route) => route.abort());
    await page.goto(`${site.url}?backend=cpu`);
    await message(page).getByText("Check the network, then reload the page").waitFor();
    await context.close();
  });
  await checks.check("cpu: a failure that nothing expects is told, and scores stay", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${site.url}?backend=cpu`);
    await page.locator("#smiles").fill("CCO ethanol");
    await score(page);
    await page.evaluate(() => {
      setTimeout(() => void Promise.reject({ code: "odd", message: "nothing left" }));
    });
    await message(page).getByText("A part of this page failed: nothing left.").waitFor();
    ok((await message(page).innerText()).includes("Export what was scored"));
    equal((await counts(page)).scored, 1);
    await context.close();
  });
}

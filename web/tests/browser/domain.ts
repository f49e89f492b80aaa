/** The model's domain comes late, or not at all. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Browser } from "playwright-core";
import type { Served } from "../server.js";
import { checks, counts, finished, isCalibrated, LIMIT, nextFrame, status } from "./page.js";

/** The domain comes after the first values, or not for a long time. */
export async function testLateDomain(browser: Browser, site: Served): Promise<void> {
  if (!(await isCalibrated())) return;
  await checks.check(
    "cpu: values are there before the domain, and waiting for it can end",
    async () => {
      const context = await browser.newContext();
      const page = await context.newPage();
      let send: (() => void) | null = null;
      await context.route(/domain\.json/, async (route) => {
        await new Promise<void>((resolve) => {
          send = resolve;
        });
        await route.continue();
      });
      try {
        await page.goto(`${site.url}?backend=cpu#smiles=CCO%0ACCN`);
        await page.waitForSelector("#results tbody td data", { timeout: LIMIT });
        equal((await counts(page)).scored, 0);
        await page.locator("#cancel").click();
        await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
        ok((await status(page)).startsWith("Cancelled"), await status(page));
        await nextFrame(page);
        equal(
          await page.locator("#results tbody td data").count(),
          0,
          "what is not scored is empty",
        );
        await page.locator("#score").click();
        (send as (() => void) | null)?.();
        await page.waitForFunction(
          () => document.querySelectorAll("#results tbody tr.scored").length === 2,
          null,
          { timeout: LIMIT },
        );
        ok(
          (await page.locator("#results tbody td.number:not(.trust)").first().innerText()).includes(
            "interval",
          ),
        );
      } finally {
        await context.close();
      }
    },
  );
}

/** The file of the domain is absent or damaged: values stay, and what is missing is said. */
export async function testMissingDomain(browser: Browser, site: Served): Promise<void> {
  if (!(await isCalibrated())) return;
  const faults = {
    absent: { answer: { status: 404 }, why: /the server answered 404/ },
    damaged: { answer: { body: "damaged" }, why: /is not the file that belongs to this version/ },
  };
  for (const [name, { answer, why }] of Object.entries(faults))
    await checks.check(
      `cpu: where the domain is ${name}, values stay, and can be completed`,
      async () => {
        const context = await browser.newContext();
        const page = await context.newPage();
        await context.route(/domain\.json/, (route) => route.fulfill(answer));
        // What a screen reader tells is gone again after some seconds.
        await context.addInitScript(() => {
          const aloud: string[] = [];
          Object.assign(window, { aloud });
          const heard = () => aloud.push(document.getElementById("aloud")?.textContent ?? "");
          new MutationObserver(heard).observe(document, { childList: true, subtree: true });
        });
        try {
          await page.goto(`${site.url}?backend=cpu#smiles=CCO%0ACCN`);
          await finished(page, LIMIT);
          deepEqual(await counts(page), { rows: 2, scored: 2, errors: 0 });
          const missing = page.locator("#domain-missing");
          ok(why.test(await missing.innerText()), await missing.innerText());
          const cell = page.locator("#results tbody tr.scored td.number data").first();
          const value = await cell.getAttribute("value");
          ok(Number.isFinite(Number(value)));
          equal(await page.locator("#results .interval").count(), 0);
          await page.getByRole("button", { name: "Try again" }).click();
          await page.getByText("could not be loaded.").first().waitFor();
          await page.waitForFunction(
            (why) => (Reflect.get(window, "aloud") as string[]).some((text) => why.test(text)),
            why,
          );
          await context.unroute(/domain\.json/);
          await page.getByRole("button", { name: "Try again" }).click();
          await missing.waitFor({ state: "hidden", timeout: LIMIT });
          await page.waitForFunction(() => document.activeElement?.id === "viewport");
          await page.locator("#results .interval").first().waitFor({ timeout: LIMIT });
          equal(await cell.getAttribute("value"), value);
          ok(await page.locator("#results td.trust").first().isVisible());
        } finally {
          await context.close();
        }
      },
    );
}

/** The page without a mouse, and what axe-core finds. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { Browser } from "playwright-core";
import type { Served } from "../server.js";
import {
  checkQuiet,
  checks,
  csv,
  drawn,
  LIMIT,
  nameless,
  open,
  score,
  violations,
} from "./page.js";

export async function testKeyboard(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page, context } = visit;
  const tabTo = async (id: string): Promise<void> => {
    for (let presses = 0; presses < 40; presses += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((id) => document.activeElement?.matches(id) === true, id)) return;
    }
    throw new Error(`${id} is not reached with the Tab key`);
  };
  await checks.check(
    "cpu: pasting, scoring, reading a row and exporting work by keyboard alone",
    async () => {
      await tabTo("#smiles");
      await page.keyboard.insertText("CCO\tethanol\nCC(\tbroken\nc1ccccc1\tbenzene");
      await tabTo("#score");
      const outline = await page.evaluate(
        () => getComputedStyle(document.activeElement as Element).outlineStyle,
      );
      equal(outline, "solid", "the focus is visible");
      // As from anywhere on the page.
      await page.keyboard.press("Control+Enter");
      await page.waitForFunction(
        () => document.getElementById("status")?.textContent?.startsWith("Done") === true,
        null,
        { timeout: LIMIT },
      );
      await tabTo('[data-format="csv"]');
      const downloading = page.waitForEvent("download");
      await page.keyboard.press("Enter");
      const download = await downloading;
      equal(download.suggestedFilename(), "molecules-scores.csv");
      const [, ...rows] = csv(await readFile(await download.path(), "utf8"));
      equal(rows.length, 3);
      await tabTo("#results tbody th button");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.getByRole("dialog", { name: "Row 2: broken" }).waitFor();
      ok((await page.locator("#details mark").count()) === 1);
      await page.keyboard.press("Escape");
      await page.locator("#details").waitFor({ state: "hidden" });
      equal(await page.evaluate(() => document.activeElement?.textContent), "Details of row 2");
    },
  );

  const focused = (): Promise<string> =>
    page.evaluate(() => document.activeElement?.closest("th")?.textContent ?? "");
  await checks.check("cpu: arrow keys go from the first row to the headers and back", async () => {
    await page.locator("#results tbody th button").first().focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowUp");
    ok(
      await page.evaluate(() => document.activeElement?.matches("#viewport thead .sort") === true),
    );
    await page.keyboard.press("ArrowDown");
    ok((await focused()).includes("Details of row 1"), await focused());
    const head = page.locator("#viewport thead .number:not(.trust) .sort").first();
    await head.click();
    await page.locator("#results tbody th button").first().focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowUp");
    ok(await head.evaluate((button) => button === document.activeElement), "the sorted one");
    await head.click();
    await head.click();
  });
  await checks.check("cpu: a long error in a low row is told in full by keyboard", async () => {
    await page.locator("#structures").uncheck();
    const inchi = "InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)";
    await page.locator("#smiles").fill(`CCO\tethanol\n${inchi}\tinchi\nc1ccccc1\tbenzene`);
    await score(page);
    const fault = page.locator("#viewport .fault");
    const text = await fault.evaluate((words) => words.lastChild?.textContent ?? "");
    ok(text.length > 60, text);
    const { cell, title, lines } = await fault.evaluate((words) => ({
      cell: words.closest("td")?.getBoundingClientRect().height ?? 0,
      title: words.closest("td")?.title,
      lines: words.clientHeight / Number.parseFloat(getComputedStyle(words).lineHeight),
    }));
    equal(title, text);
    ok(lines <= 2.1 && cell < 40, `${lines} lines in ${cell} pixels`);
    await page.locator("#results tbody th button").first().focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.locator("#details .message").getByText(text).waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#structures").check();
  });
  await checks.check("cpu: everything that takes the focus has a name", async () => {
    deepEqual(await nameless(page, context), []);
  });

  await checks.check("cpu: the model card opens inside the page", async () => {
    await page.getByRole("button", { name: "Model card" }).click();
    await page.getByRole("dialog", { name: "Model card" }).waitFor();
    await page.locator("#card-body :is(p, h3, h4)").first().waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await page.locator("#card").waitFor({ state: "hidden" });
  });
  await checkQuiet("cpu: no errors on the console while using the keyboard", visit);
  await context.close();
}

export async function testHelp(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const help = page.getByRole("dialog", { name: "Help" });
  await checks.check("cpu: ? opens the help, but not where it is typed", async () => {
    await page.locator("#smiles").focus();
    await page.keyboard.press("?");
    equal(await page.locator("#smiles").inputValue(), "?");
    equal(await help.count(), 0);
    await page.locator("#smiles").fill("CCO\tethanol");
    await score(page);
    await page.locator("#results tbody th button").first().focus();
    await page.keyboard.press("?");
    await help.waitFor();
    for (const text of [
      "Borderline",
      "90 % interval",
      "marketed drugs",
      "Nothing leaves this computer",
    ])
      await help.getByText(text).first().waitFor();
    await page.keyboard.press("Escape");
    await help.waitFor({ state: "hidden" });
    equal(await page.evaluate(() => document.activeElement?.textContent), "Details of row 1");
  });
  await checks.check("cpu: every key that the page knows is in the help", async () => {
    await page.getByRole("button", { name: "Help", exact: true }).click();
    const keys = await help.locator("dt kbd").allInnerTexts();
    for (const key of ["?", "/", "Space", "Enter", "e", "s", "c", "C", "V", "Esc", "Home", "End"])
      ok(keys.includes(key), `${key} is missing among ${keys.join(" ")}`);
    await help.getByRole("button", { name: "model card" }).click();
    await page.getByRole("dialog", { name: "Model card" }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator("[data-help]").click();
    await help.waitFor();
    ok(await help.locator("#help-keys").isVisible());
  });
  await checkQuiet("cpu: no errors on the console while reading the help", visit);
  await visit.context.close();
}

export async function testAccessibility(browser: Browser, site: Served): Promise<void> {
  const phone = { viewport: { width: 390, height: 800 } };
  for (const [name, options] of [
    ["in the light", {}],
    ["in the dark", { colorScheme: "dark" }],
    ["on a phone", phone],
  ] as const) {
    const visit = await open(browser, `${site.url}?backend=cpu`, site, options);
    const { page } = visit;
    const clean = (state: string): Promise<void> =>
      checks.check(`cpu: axe-core finds nothing ${name}: ${state}`, async () => {
        // Colours are judged once they have settled.
        await page.waitForTimeout(300);
        deepEqual(await violations(page), []);
      });
    await clean("empty");
    await page.locator("#example").click();
    await score(page);
    await drawn(page, "#viewport", 1);
    await page.getByLabel("Select row 2", { exact: true }).check();
    await clean("a scored table");
    for (const more of await page.locator("#tools-more:visible, #export-more:visible").all())
      await more.click();
    for (const id of ["filters-open", "plots-open", "screening-open"])
      await page.locator(`#${id}`).click();
    await clean("filters, plot and screening");
    // Cards have no headers with menus.
    const menu = page.locator("#viewport thead th.number:not(.trust) .menu").first();
    await ((await menu.count()) > 0 ? menu : page.locator("#filter-add")).click();
    await page.locator("#column-menu").getByLabel("At least").fill("x");
    await clean("a column’s menu");
    await page.locator("#column-menu").getByLabel("Borderline").uncheck();
    await page.keyboard.press("Escape");
    await clean("a filtered column");
    await page.locator("#filter-clear").click();
    await page.keyboard.press("?");
    await page.locator("#help").waitFor();
    await clean("help");
    await page.keyboard.press("Escape");
    await page.locator("#smarts").fill("c1ccccc1C(=");
    await page.keyboard.press("Enter");
    await page.locator("#smarts-state mark").waitFor({ timeout: LIMIT });
    await clean("a pattern that is none");
    await page.locator("#smarts").fill("c1ccccc1");
    await page.keyboard.press("Enter");
    await page.locator("#smarts-remove").waitFor({ timeout: LIMIT });
    await drawn(page, "#viewport", 1);
    await clean("a substructure found");
    await page.locator("#smarts-remove").click();
    await page.locator("#columns").click();
    await clean("columns");
    await page.keyboard.press("Escape");
    await page.locator("#results tbody th button").first().click();
    await drawn(page, "#details .drawing.large[data-shares]", 1);
    await clean("details");
    await page.locator("#details-edit").click();
    await page.locator("#editor-state").getByText("the values follow").waitFor({ timeout: LIMIT });
    await clean("the sketcher");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Model card" }).click();
    await clean("the model card");
    await visit.context.close();
  }
}

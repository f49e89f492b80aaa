/** What a printer gets: the whole table, or else the row that is open. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import type { Served } from "../server.js";
import {
  checkQuiet,
  checks,
  LIMIT,
  nextFrame,
  open,
  openFile,
  score,
  visibleRows,
} from "./page.js";

/** An upright A4 sheet without its margins, in pixels, and how much wider a browser's table may be. */
const SHEET = { width: 718, height: 1047 };
const SHRUNK = 1.5;

/** What is laid out when the browser asks for it. */
async function printed(
  page: Page,
): Promise<{ heads: string[]; rows: string[]; width: number; cells: number[] }[]> {
  await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
  return page.locator(".printed table").evaluateAll((tables) =>
    tables.map((table) => ({
      heads: [...table.querySelectorAll("thead tr:last-child th")].map(
        (head) => head.firstChild?.textContent ?? "",
      ),
      rows: [...table.querySelectorAll("tbody th")].map((head) => head.textContent ?? ""),
      width: table.getBoundingClientRect().width,
      cells: [...table.querySelectorAll("tbody tr")].map((row) =>
        [...row.children].reduce((sum, cell) => sum + (cell as HTMLTableCellElement).colSpan, 0),
      ),
    })),
  );
}

export async function testPrint(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const lines = Array.from(
    { length: 40 },
    (_, at) => `${["CCO", "CC(N", "c1ccccc1", "CC(=O)[O-].[Na+]"][at % 4]}\tmol-${at}`,
  );
  await checks.check("cpu: all rows and columns are laid out for a printer", async () => {
    await openFile(page, "forty.smi", lines);
    await score(page);
    await page.locator("#columns").click();
    for (const box of await page.locator("#column-choice input[type=checkbox]").all())
      await box.check();
    await page.keyboard.press("Escape");
    await nextFrame(page);
    const titles = await page
      .locator("#viewport thead tr:last-child .name, #viewport thead .plain")
      .allTextContents();
    const before = (await visibleRows(page)).length;
    ok(before < lines.length, "not all rows are in sight");
    await page.emulateMedia({ media: "print" });
    await page.setViewportSize(SHEET);
    const tables = await printed(page);
    deepEqual(new Set(tables.flatMap(({ heads }) => heads)), new Set(["#", ...titles]));
    for (const { heads, rows, width, cells } of tables) {
      deepEqual(
        rows,
        Array.from(lines, (_, at) => `${at + 1}`),
      );
      ok(heads.every(Boolean), heads.join());
      ok(heads.includes("name"), "each part names its rows");
      ok(width <= SHEET.width * SHRUNK, `${width} pixels`);
      // A row with an error has its reason in the place of its values.
      deepEqual(new Set(cells), new Set([heads.length]));
    }
    ok(await page.locator("#viewport").isHidden());
    const adjusted = await page
      .locator(".printed .band[data-domain], .printed .standing span, .printed .shaded")
      .evaluateAll((marks) => marks.map((mark) => getComputedStyle(mark).printColorAdjust));
    ok(adjusted.length > 0);
    deepEqual(new Set(adjusted), new Set(["exact"]));
    const ink = (): Promise<string[]> =>
      page.evaluate(() => {
        const style = getComputedStyle(document.documentElement);
        return ["--ink", "--shade", "--accent"].map((name) => style.getPropertyValue(name));
      });
    const light = await ink();
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    deepEqual(await ink(), light, "on paper it is light");
    await page.emulateMedia({ media: "print", colorScheme: "light" });
    await page.evaluate(() => window.dispatchEvent(new Event("afterprint")));
    equal(await page.locator(".printed table").count(), 0);
    await page.emulateMedia({ media: "screen" });
  });
  await checks.check("cpu: the browser's own command prints all rows", async () => {
    await page.evaluate(() =>
      window.addEventListener("beforeprint", () => {
        const rows = document.querySelectorAll(".printed table:first-of-type tbody tr");
        document.documentElement.dataset.printed = String(rows.length);
      }),
    );
    await page.pdf();
    equal(await page.locator("html").getAttribute("data-printed"), String(lines.length));
  });
  await checks.check("cpu: rows that are not printed are counted in the print", async () => {
    const many = Array.from({ length: 501 }, (_, at) => `CCO\tmol-${at}`);
    await openFile(page, "many.smi", many);
    await nextFrame(page);
    const [table] = await printed(page);
    equal(table?.rows.length, 500);
    const note = await page.locator(".printed .message").textContent();
    ok(note?.startsWith("The first 500 of 501 rows are printed"), note ?? "");
    await page.evaluate(() => window.dispatchEvent(new Event("afterprint")));
  });
  await checks.check("cpu: an open row is printed from its beginning, whole", async () => {
    await openFile(page, "one.smi", ["CCO\tethanol", "CCN\tethylamine"]);
    await score(page);
    await page.locator("#results tbody th button").first().click();
    const dialog = page.locator("#details");
    await dialog.locator(".atoms").waitFor({ timeout: LIMIT });
    await dialog.evaluate((dialog) => dialog.scrollTo(0, dialog.scrollHeight));
    ok((await dialog.evaluate((dialog) => dialog.scrollTop)) > 0);
    await page.emulateMedia({ media: "print" });
    await page.setViewportSize(SHEET);
    const found = await dialog.evaluate((dialog) => ({
      title: document.getElementById("details-title")?.getBoundingClientRect().top ?? -1,
      height: dialog.getBoundingClientRect().height,
      content: dialog.scrollHeight,
      page: document.documentElement.scrollHeight,
    }));
    ok(found.title >= 0 && found.title < 20, `its title is at ${found.title}`);
    ok(found.height >= found.content - 1, `${found.height} of ${found.content} pixels`);
    ok(found.page >= found.content - 1, `the page has ${found.page} pixels`);
    ok(await page.locator("#results").isHidden());
  });
  await checkQuiet("cpu: no errors on the console while printing", visit);
  await visit.context.close();
}

/** The table: its rows, columns, drawings and shading. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Browser, Locator, Page } from "playwright-core";
import type { Served } from "../server.js";
import {
  checkQuiet,
  checks,
  csv,
  drawn,
  exported,
  isCalibrated,
  LIMIT,
  nextFrame,
  open,
  openFile,
  score,
  settled,
  status,
  visibleRows,
} from "./page.js";

/** The titles of the columns, once they are drawn. */
async function heads(page: Page): Promise<string[]> {
  await nextFrame(page);
  return page.locator("#viewport thead th .name").allInnerTexts();
}

export async function testShading(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const shaded = page.locator("#viewport tbody td.shaded");
  await checks.check("cpu: values are shaded by their percentile, in words as well", async () => {
    await openFile(page, "two.smi", ["CCO ethanol", "CC(C)Cc1ccc(cc1)C(C)C(=O)O ibuprofen"]);
    await score(page);
    if (await page.locator("#shading-choice").isHidden()) return;
    await shaded.first().waitFor();
    const { words, title, percentile } = await shaded.first().evaluate((cell) => ({
      words: cell.textContent ?? "",
      title: (cell as HTMLElement).title,
      percentile: Number.parseFloat((cell as HTMLElement).style.getPropertyValue("--percentile")),
    }));
    ok(/\d(st|nd|rd|th) percentile of /.test(words) && title.includes("percentile"), words);
    ok(percentile >= 0 && percentile <= 100);
    ok(await page.locator("#shading-legend").isVisible());
    await page.locator("#shading").uncheck();
    await nextFrame(page);
    equal(await shaded.count(), 0);
    ok(await page.locator("#shading-legend").isHidden());
  });
  await checks.check("cpu: the choice of shading is remembered", async () => {
    await page.reload();
    await page.locator("#results").waitFor({ timeout: LIMIT });
    if (await page.locator("#shading-choice").isHidden()) return;
    equal(await page.locator("#shading").isChecked(), false);
    equal(await shaded.count(), 0);
    await page.locator("#shading").check();
    await shaded.first().waitFor();
  });
  await checkQuiet("cpu: no errors on the console while shading", visit);
  await visit.context.close();
}

export async function testDrawings(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: each row has its structure drawn, or keeps its text", async () => {
    // A broken one, and one of which the drawing library would draw another molecule.
    await page.locator("#smiles").fill("CCO ethanol\nC*C any\nCC( broken\nc1cc[te]c1 tellurophene");
    await score(page);
    await drawn(page, "#viewport", 1);
    await page.waitForTimeout(300);
    const cells = page.locator(
      "#viewport tbody tr:not(.spacer) td.smiles, #viewport tbody tr:not(.spacer) td:nth-of-type(1)",
    );
    const names = await cells.evaluateAll((cells) =>
      cells.map((cell) => cell.querySelector("svg.molecule")?.getAttribute("aria-label") ?? null),
    );
    equal(names[0], "Structure of ethanol");
    deepEqual(names.slice(1, 3), [null, null]);
    ok((await cells.nth(1).innerText()).startsWith("C*C"));
    // Why a row has no values stands over all the columns that would have them.
    const [reason, columns] = await page
      .locator("#viewport td.reason")
      .first()
      .evaluate((cell) => [
        cell.getBoundingClientRect().right,
        cell.closest("table")?.getBoundingClientRect().right ?? 0,
      ]);
    ok(Math.abs((reason ?? 0) - (columns ?? 1)) < 2, `${reason} of ${columns} pixels`);
  });
  await checks.check(
    "cpu: the structures of an SDF are drawn before anything is scored",
    async () => {
      const block = ["benzene", "", "", "  6  6  0  0  0  0  0  0  0  0999 V2000"];
      for (let atom = 0; atom < 6; atom += 1) {
        const angle = (atom * Math.PI) / 3;
        const place = [Math.cos(angle), Math.sin(angle), 0].map((x) => x.toFixed(4).padStart(10));
        block.push(`${place.join("")} C   0  0`);
      }
      for (let atom = 0; atom < 6; atom += 1)
        block.push(`  ${atom + 1}  ${((atom + 1) % 6) + 1}  4  0`);
      block.push("M  END", "$$$$");
      await page.setInputFiles("#picker", {
        name: "ring.sdf",
        mimeType: "text/plain",
        buffer: Buffer.from(`${block.join("\n")}\n`),
      });
      await page.locator("#summary").getByText("1 row").waitFor({ timeout: LIMIT });
      await drawn(page, "#viewport", 1);
      // Six bonds of the ring and three of its double bonds' second lines.
      const path = await page.locator("#viewport svg.molecule .bond").first().getAttribute("d");
      equal(path?.match(/M/g)?.length, 9);
    },
  );
  await checks.check("cpu: the details show the atoms' shares on the structure", async () => {
    await score(page);
    await page.locator("#results tbody th button").first().click();
    await drawn(page, "#details .drawing.large[data-shares]", 1);
    ok((await page.locator("#details .share").count()) > 0);
    ok(/\d/.test((await page.locator("#details .share-number").first().textContent()) ?? ""));
    if (await isCalibrated()) await drawn(page, "#details .predictions", 1);
    ok((await page.locator("#details .descriptors").innerText()).includes("78.1"));
    await page.keyboard.press("Escape");
  });
  await checkQuiet("cpu: no errors on the console while drawing", visit);
  await visit.context.close();
}

export async function testTable(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const lines = ["name,smiles,IC50", "a,CCO,10", "b,CCN,>9", "c,CCC,0.5", "d,CC(,7", "e,CCCl,n/a"];
  const order = async (): Promise<string[]> =>
    (await visibleRows(page)).map(({ number }) => number);
  await checks.check("cpu: a numeric column of the user sorts and filters as numbers", async () => {
    await openFile(page, "ic50.csv", lines, lines.length - 1);
    await score(page);
    await page.locator('thead button[title="Sort by IC50"]').click();
    deepEqual(await order(), ["3", "4", "2", "1", "5"]);
    await page.locator("#filters-open").click();
    await page.locator("#filter-column").selectOption({ label: "IC50" });
    await page.locator("#filter-add").click();
    const menu = page.getByRole("dialog", { name: "IC50" });
    await menu.getByLabel("At least").fill("1");
    deepEqual(await order(), ["4", "2", "1"]);
    await page.keyboard.press("Escape");
    await page.locator("#filter-list").getByText("IC50 at least 1").waitFor();
    equal(
      await page.evaluate(() => document.activeElement?.getAttribute("aria-label")),
      "Change…: IC50",
    );
    await page.locator("#filter-clear").click();
    deepEqual(await order(), ["3", "4", "2", "1", "5"]);
    equal(await page.locator("#filters-open").innerText(), "Filters");
    // What is no finite number is no bound.
    await page.locator("#filter-add").click();
    await menu.getByLabel("At least").fill("1e999");
    await menu.getByText("“1e999” is not a number").waitFor();
    equal(await menu.getByLabel("At least").getAttribute("aria-invalid"), "true");
    await page.keyboard.press("Escape");
    deepEqual(await order(), ["3", "4", "2", "1", "5"]);
    equal(await page.locator("#filter-list").innerText(), "");
  });
  await checks.check("cpu: a hidden column that orders the rows is still named", async () => {
    const head = page.locator('thead th:has(button[title="Sort by IC50"])');
    await head.locator("button.menu").click();
    await page
      .getByRole("dialog", { name: "IC50" })
      .getByRole("button", { name: "Hide column" })
      .click();
    await page.locator("#summary").getByText("sorted by IC50, which is hidden").waitFor();
    deepEqual(await order(), ["3", "4", "2", "1", "5"]);
    await page.locator("#columns").click();
    await page.locator("#column-choice").getByLabel("IC50").check();
    await page.keyboard.press("Escape");
    ok(!(await page.locator("#summary").innerText()).includes("hidden"));
  });
  await checks.check(
    "cpu: selected rows that a filter hides are exported as it is said",
    async () => {
      await page.getByLabel("Select all rows shown").check();
      await page.locator("#filter").fill("C#N");
      await page.locator("#empty").waitFor();
      const note = page.locator("#selected-hidden");
      equal(
        await note.innerText(),
        "All 5 selected rows are hidden by a filter; they are exported as well.",
      );
      await page.locator("#filter").fill("CCC");
      await note.getByText("3 of 5 selected rows are hidden by a filter").waitFor();
      equal(csv(await exported(page, "csv")).length, 6);
      await page.locator("#scope").selectOption("selected-shown");
      await note.getByText("they are not exported").waitFor();
      equal(csv(await exported(page, "csv")).length, 3);
      await page.locator("#filter").fill("");
      await note.waitFor({ state: "hidden" });
      await page.locator("#select-none").click();
    },
  );
  await checks.check(
    "cpu: the rows selected are exported as CSV and SDF, with structures",
    async () => {
      await page.getByLabel("Select row 2").check();
      await page.getByLabel("Select row 3").check();
      ok((await page.locator("#selected").innerText()).startsWith("2 rows selected"));
      const table = csv(await exported(page, "csv"));
      // In the order shown.
      deepEqual(
        table.slice(1).map(([name]) => name),
        ["c", "b"],
      );
      ok(table[0]?.some((name) => name.endsWith("_low")) === (await isCalibrated()));
      const records = (await exported(page, "sdf")).split("$$$$\n").slice(0, -1);
      equal(records.length, 2);
      for (const record of records) {
        ok(/\bV2000\n/.test(record) && record.includes("> <name>"), record);
        ok(/> <esol>\n-?\d/.test(record) || record.includes("> <"), record);
      }
      await page.locator("#select-none").click();
      equal(csv(await exported(page, "csv")).length, 6);
    },
  );
  await checks.check("cpu: keys open the sketcher and rank the table by a row", async () => {
    const row = page.locator("#results tbody th button").first();
    await row.focus();
    await page.keyboard.press("e");
    await page.locator("#editor").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#editor").waitFor({ state: "hidden" });
    await row.focus();
    await page.keyboard.press("s");
    await page
      .locator("#rank-state")
      .getByText(/^Ranked/)
      .waitFor({ timeout: LIMIT });
    await page.locator("#rank-clear").click();
    await page.locator("#screening-open").click();
  });
  await checks.check("cpu: columns are hidden and shown again", async () => {
    const before = await heads(page);
    await page.locator("#columns").click();
    const dialog = page.getByRole("dialog", { name: "Columns" });
    await dialog.getByLabel("IC50").uncheck();
    await dialog.locator("input[type=checkbox]").first().uncheck();
    await page.keyboard.press("Escape");
    equal((await heads(page)).length, before.length - 2);
    await page.locator("#columns").click();
    await dialog.getByRole("button", { name: "Default columns" }).click();
    await page.keyboard.press("Escape");
    deepEqual(await heads(page), before);
  });
  await checks.check("cpu: columns are searched, and shown and hidden by the group", async () => {
    const button = page.locator("#columns");
    const usual = await button.innerText();
    ok(/^Columns \(\d+ of \d+\)$/.test(usual), usual);
    await button.click();
    const dialog = page.getByRole("dialog", { name: "Columns" });
    const [, shown = "0", all = "0"] = usual.match(/(\d+) of (\d+)/) ?? [];
    for (const none of await dialog.getByRole("button", { name: "None of" }).all())
      await none.click();
    equal(await button.innerText(), `Columns (0 of ${all})`);
    await dialog.getByPlaceholder("Find a column").fill("no such column");
    await dialog.getByText("No column by that name.").waitFor();
    await dialog.getByPlaceholder("Find a column").fill("IC50");
    equal(await dialog.getByRole("checkbox", { name: "IC50" }).isChecked(), false);
    await dialog.getByPlaceholder("Find a column").fill("");
    await dialog.getByRole("button", { name: "Default columns" }).click();
    equal(await button.innerText(), `Columns (${shown} of ${all})`);
    await page.keyboard.press("Escape");
  });
  await checks.check(
    "cpu: a value says its interval and whether the model knows such molecules",
    async () => {
      if (!(await isCalibrated())) return;
      const cell = page.locator("#viewport tbody tr.scored td[data-domain]").first();
      ok(["in", "borderline", "out"].includes((await cell.getAttribute("data-domain")) ?? ""));
      ok(/interval/.test((await cell.textContent()) ?? ""), (await cell.textContent()) ?? "");
    },
  );
  await checks.check(
    "cpu: the values of an endpoint have the same decimals everywhere",
    async () => {
      const places = (text: string): number | null =>
        /\d/.test(text) ? (text.split(".")[1]?.length ?? 0) : null;
      const inTable = await page.locator("#viewport").evaluate((table) => {
        const heads = [...table.querySelectorAll("thead tr:last-child th .name")];
        const lines = [...table.querySelectorAll("tbody tr.scored")];
        return heads.map((head) => {
          const cells = lines.flatMap((line) => [
            ...line.querySelectorAll(`td[data-label="${CSS.escape(head.textContent ?? "")}"]`),
          ]);
          const texts = cells.flatMap((cell) => [
            cell.querySelector("data")?.textContent ?? "",
            ...(cell.querySelector(".interval")?.lastChild?.textContent ?? "").split(" to "),
          ]);
          return [head.textContent ?? "", texts] as const;
        });
      });
      const found = new Map<string, number>();
      for (const [title, texts] of inTable) {
        const all = new Set(texts.map(places).filter((one) => one !== null));
        if (all.size === 0) continue;
        equal(all.size, 1, `${title}: ${texts.join(" ")}`);
        found.set(title, [...all][0] ?? -1);
      }
      ok(found.size > 3, [...found.keys()].join());
      await page.locator("#viewport tbody tr.scored th button").first().click();
      await page.locator("#details .atoms").waitFor({ timeout: LIMIT });
      const details = await page.locator("#details .predictions tbody tr").evaluateAll((lines) =>
        lines.map((line) => {
          const [title, value, , bounds] = line.children;
          const texts = [value, bounds].flatMap((cell) => (cell?.textContent ?? "").split(" to "));
          return [title?.firstChild?.textContent ?? "", texts] as const;
        }),
      );
      for (const [title, texts] of details) {
        const wanted = found.get(title);
        if (wanted === undefined) continue;
        for (const text of texts) ok([wanted, null].includes(places(text)), `${title}: ${text}`);
        found.delete(title);
      }
      equal(found.size, 0, [...found.keys()].join());
      await page.keyboard.press("Escape");
    },
  );
  await checks.check("cpu: rows say how many of their values are in domain", async () => {
    if (!(await isCalibrated())) return;
    const scored = page.locator("#viewport tbody tr.scored");
    const words = await scored.first().locator("td.trust").getAttribute("title");
    ok(/^\d+ of \d+ values in the model’s domain/.test(words ?? ""), words ?? "");
    const total = await scored.count();
    const head = page.locator('thead th:has(button[title^="Sort by how many of the values"])');
    const counted = (): Promise<number[]> =>
      scored
        .locator("td.trust")
        .evaluateAll((cells) => cells.map((cell) => Number.parseInt(cell.textContent ?? "", 10)));
    await head.locator(".sort").click();
    await order();
    const sorted = await counted();
    deepEqual(
      sorted,
      [...sorted].sort((a, b) => a - b),
    );
    const most = Math.max(...sorted);
    await head.locator(".menu").click();
    const menu = page.getByRole("dialog", { name: "In domain" });
    await menu.getByLabel("At least").fill(String(most));
    await page.keyboard.press("Escape");
    await order();
    const kept = await counted();
    ok(kept.length > 0 && kept.length <= total && kept.every((count) => count === most));
    const [names = [], first = []] = csv(await exported(page, "csv"));
    equal(first[names.indexOf("shown_in_domain")], String(most));
  });
  await checkQuiet("cpu: no errors on the console while using the table", visit);
  await visit.context.close();
}

/** What the element that has the focus is called. */
const focusedName = (page: Page): Promise<string | null> =>
  page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? null);

export async function testExport(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: an export has all columns, or those that the table shows", async () => {
    const lines = ["smiles,name,1,ames", "CCO,ethanol,x,mine", "CC(,broken,y,too"];
    await openFile(page, "own.csv", lines, 2);
    await score(page);
    const whole = csv(await exported(page, "csv"));
    const rows = JSON.parse(await exported(page, "json"));
    await page.getByLabel("Columns to export").selectOption("shown");
    const narrow = csv(await exported(page, "csv"));
    const [head = [], ...values] = narrow;
    deepEqual(head.slice(0, 4), ["smiles", "name", "1", "ames"]);
    const names = head.filter((name) => whole[0]?.includes(`${name}_nearest_measured`));
    equal(names.length, await page.locator("#viewport thead th.number:not(.trust)").count());
    ok(!head.some((name) => /_(similarity|nearest|nearest_measured)$/.test(name)), head.join());
    ok(head.length < (whole[0]?.length ?? 0) / 4 && head.at(-1) === "error", head.join());
    // Each value is the one of the whole file.
    values.forEach((row, at) => {
      head.forEach((name, place) => {
        equal(row[place], whole[at + 1]?.[whole[0]?.indexOf(name) ?? -1], name);
      });
    });
    const [first, second] = JSON.parse(await exported(page, "json"));
    const plain = names.map((name) => name.replace(/^delicate_/, ""));
    deepEqual(Object.keys(first.scores).toSorted(), plain.toSorted());
    for (const name of Object.keys(first.scores)) {
      const { nearest, ...kept } = rows[0].scores[name];
      ok(nearest !== undefined);
      deepEqual(first.scores[name], kept);
    }
    equal(second.scores, null);
    deepEqual(second.error, rows[1].error);
    const [line] = (await exported(page, "jsonl")).split("\n");
    deepEqual(JSON.parse(line ?? ""), first);
    const sdf = await exported(page, "sdf");
    equal(sdf.split("$$$$").length, 3);
    ok(!sdf.includes("_nearest>") && sdf.includes(`> <${names[0]}_domain>`), sdf);
    await page.getByLabel("Select row 1", { exact: true }).check();
    equal(csv(await exported(page, "csv")).length, 2);
    ok((await status(page)).startsWith("Exported 1 row with the columns shown as CSV"));
  });
  await checks.check("cpu: what an SDF cannot hold is said beside it, until the next", async () => {
    const lines = ["smiles,a<b", "CCO,1", "C[P@](CC)c1ccccc1,2", "CC[P@@](C)c1ccccc1,3"];
    await openFile(page, "left.csv", lines, 3);
    await score(page);
    const said = page.locator("#not-held");
    await exported(page, "csv");
    ok(await said.isHidden());
    await exported(page, "sdf");
    // It is told for some seconds.
    await page.locator("#aloud").getByText("2 molecules (the first is row 2)").waitFor();
    await said.getByText("left-scores.sdf: 2 molecules (the first is row 2) have").waitFor();
    await said.getByText("“a<b” is called “a(b”").waitFor();
    await page.getByLabel("Select row 3", { exact: true }).check();
    await exported(page, "sdf");
    await said.getByText("1 molecule, row 3, has stereo that a drawing cannot show").waitFor();
    await exported(page, "json");
    ok(await said.isHidden());
    await exported(page, "sdf");
    await said.waitFor();
    await openFile(page, "own.csv", ["smiles,name", "CCO,ethanol", "CCC,propane"], 2);
    ok(await said.isHidden(), "it is of the table before");
    await score(page);
  });
  await checks.check("cpu: the choice of columns to export is remembered", async () => {
    await page.reload();
    await page.locator("#results").waitFor({ timeout: LIMIT });
    equal(await page.getByLabel("Columns to export").inputValue(), "shown");
  });
  await checks.check("cpu: a large export has the columns shown in all its pieces", async () => {
    await openFile(
      page,
      "large.smi",
      Array.from({ length: 4_500 }, (_, row) => `C( r${row}`),
    );
    const table = csv(await exported(page, "csv"));
    equal(table.length, 4_501);
    ok(table.every(({ length }) => length === table[0]?.length && length < 80));
    equal(JSON.parse(await exported(page, "json")).length, 4_500);
  });
  await checks.check("cpu: predictions are in sight beside a table of many columns", async () => {
    const own = ["series", "activity", "selectivity", "batch date", "owner", "project"];
    const line = (values: string[]): string => ["CCO", "x1", ...values].join(",");
    await openFile(page, "wide.csv", [`smiles,id,${own.join(",")}`, line(own), line(own)], 2);
    await score(page);
    const heads = page.locator("#viewport thead tr:last-child th:not(.row)");
    const titles = await heads.evaluateAll((all) =>
      all.map((one) => one.querySelector(".sort .name")?.textContent ?? ""),
    );
    const found = titles.filter((title) => own.includes(title));
    deepEqual(found, own, "all are there, in their order");
    const inSight = async (): Promise<string[]> => {
      const ends = await heads.evaluateAll((all) =>
        all.map((one) => one.getBoundingClientRect().right),
      );
      const frame = await page.locator("#viewport").boundingBox();
      const right = (frame?.x ?? 0) + (frame?.width ?? 0);
      return titles.filter((title, at) => !own.includes(title) && (ends[at] ?? 0) <= right);
    };
    const before = await inSight();
    ok(before.length >= 4, before.join());
    ok(titles.indexOf("series") < titles.indexOf(before.at(-1) ?? ""), titles.join());
    const usual = page.viewportSize() ?? { width: 1280, height: 720 };
    await page.setViewportSize({ width: 1920, height: 1080 });
    const after = await inSight();
    ok(after.length >= before.length + 3, `a wide window shows more: ${after.join()}`);
    await page.setViewportSize(usual);
  });
  await checks.check("cpu: what a row is about stays in sight when scrolled sideways", async () => {
    await page.locator("#example").click();
    await score(page);
    const viewport = page.locator("#viewport");
    const left = (selector: string): Promise<number> =>
      page
        .locator(selector)
        .first()
        .evaluate((cell) => {
          const frame = cell.closest("#viewport")?.getBoundingClientRect().left ?? 0;
          return Math.round(cell.getBoundingClientRect().left - frame);
        });
    const pinned = ["#viewport tbody tr.scored td.pinned", "#viewport thead th.pinned"] as const;
    const before = await Promise.all(pinned.map(left));
    const value = await left("#viewport tbody tr.scored td[data-domain]");
    await viewport.evaluate((table) => table.scrollTo(700, 0));
    deepEqual(await Promise.all(pinned.map(left)), before);
    equal(await left("#viewport tbody tr.scored td[data-domain]"), value - 700);
    const fault = page.locator("#viewport .fault").first();
    await fault.scrollIntoViewIfNeeded();
    const [words, frame] = [await fault.boundingBox(), await viewport.boundingBox()];
    ok(words !== null && frame !== null);
    ok(words.x >= frame.x && words.x + words.width <= frame.x + frame.width, "so does an error");
  });
  await checks.check("cpu: names of groups and sort arrows stand by their columns", async () => {
    await page.locator("#viewport").evaluate((table) => table.scrollTo(0, 0));
    await nextFrame(page);
    const gaps = await page
      .locator("#viewport .groups th.group")
      .evaluateAll((groups) =>
        groups.map(
          (group) =>
            (group.firstElementChild?.getBoundingClientRect().left ?? Number.NaN) -
            group.getBoundingClientRect().left,
        ),
      );
    ok(gaps.length > 0);
    for (const gap of gaps) ok(gap >= 0 && gap < 16, `${gap} pixels from its left`);
    const head = page.locator("#viewport thead th.number:not(.trust)").first();
    await head.locator(".sort").click();
    await nextFrame(page);
    const { right, menu } = await head.evaluate((head) => ({
      right: Number.parseFloat(
        getComputedStyle(head.querySelector(".sort") as Element, "::after").right,
      ),
      menu: head.querySelector(".menu")?.getBoundingClientRect().width ?? 0,
    }));
    ok(right >= 0 && right < menu, `the arrow is ${right} pixels from its column's right`);
  });
  await checkQuiet("cpu: no errors on the console while exporting", visit);
  await visit.context.close();
}

export async function testColumnMenu(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: a double click opens a column's menu and nothing of it", async () => {
    await settled(page);
    await openFile(page, "wide.csv", ["smiles,name,a", "CCO,ethanol,1", "CCN,amine,2"], 2);
    const heads = await page.locator("#viewport thead th").count();
    // Low in the window, the menu comes to lie over its button.
    await page.setViewportSize({ width: 1280, height: 420 });
    for (const place of [1, 3, 5]) {
      await page.locator("#viewport thead .menu").nth(place).dblclick();
      await page.locator("#column-menu").waitFor();
      await page.waitForTimeout(100);
      ok(await page.locator("#column-menu").isVisible(), "it is still open");
      equal(await page.locator("#viewport thead th").count(), heads);
      await page.keyboard.press("Escape");
    }
    await page.setViewportSize({ width: 1280, height: 720 });
  });
  const menu = page.locator("#column-menu");
  const rows = (count: number): Promise<unknown> =>
    page.waitForFunction(
      (count) =>
        document.querySelector("#viewport table")?.getAttribute("aria-rowcount") === `${count + 1}`,
      count,
    );
  const button = (column: string): Locator =>
    page.locator("#viewport").getByRole("button", { name: `Menu of ${column}`, exact: true });
  const lines = ["name,smiles,IC50", "cpd-1,CCO,10", "cpd-2,CCN,>9", "ref,CCC,0.5", "bad,CC(,7"];
  await checks.check(
    "cpu: a column’s menu sorts, by keyboard alone, and keeps the focus",
    async () => {
      await openFile(page, "menu.csv", lines, lines.length - 1);
      await score(page);
      await button("IC50").focus();
      await page.keyboard.press("Enter");
      await page.getByRole("dialog", { name: "IC50" }).waitFor();
      equal(await page.evaluate(() => document.activeElement?.textContent), "Lowest first");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await menu.waitFor({ state: "hidden" });
      equal(await focusedName(page), "Menu of IC50");
      const head = page.getByRole("columnheader", { name: "IC50", exact: true });
      equal(await head.getAttribute("aria-sort"), "descending");
      await page.keyboard.press("Enter");
      const highest = menu.getByRole("button", { name: "Highest first" });
      equal(await highest.getAttribute("aria-pressed"), "true");
      await menu.getByRole("button", { name: "File order" }).click();
      equal(await head.getAttribute("aria-sort"), "none");
    },
  );
  await checks.check(
    "cpu: a column is filtered by its numbers, its text and its errors",
    async () => {
      await button("IC50").click();
      await page.waitForFunction(() =>
        /^Histogram of 4 values/.test(
          document.querySelector("#column-menu canvas")?.getAttribute("aria-label") ?? "",
        ),
      );
      await menu.getByLabel("At most").fill("8");
      await rows(2);
      await menu.getByText("2 of 4 rows shown.").waitFor();
      await menu.getByLabel("At most").fill("eight");
      equal(await menu.getByLabel("At most").getAttribute("aria-invalid"), "true");
      await rows(4);
      await menu.getByLabel("At most").fill("8");
      await page.keyboard.press("Escape");
      equal(await focusedName(page), "Menu of IC50, filtered");
      equal(await page.locator("#filters-open").innerText(), "Filters (1)");
      await button("name").click();
      await menu.getByLabel("Contains").fill("REF");
      await rows(1);
      await menu.getByRole("button", { name: "Clear this filter" }).click();
      await rows(2);
      equal(await menu.getByLabel("Contains").inputValue(), "");
      await page.keyboard.press("Escape");
      await button("smiles").click();
      await menu.getByLabel("Only rows with an error (1)").check();
      await rows(1);
      equal(await page.locator("#only-errors").isChecked(), true);
      await menu.getByLabel("Only rows with an error (1)").uncheck();
      await rows(2);
      await page.keyboard.press("Escape");
      await page.locator("#filters-open").click();
      equal(
        await page
          .locator("#filter-list")
          .innerText()
          .then((text) => text.split("\n")[0]),
        "IC50 at most 8",
      );
      await page.getByRole("button", { name: "Remove: IC50" }).click();
      await rows(4);
    },
  );
  await checks.check("cpu: an endpoint is filtered by domain", async () => {
    if (!(await isCalibrated())) return;
    // Behind the user's own column of numbers.
    await page.locator("#viewport thead th.number:not(.trust) .menu").nth(1).click();
    const all = { in: 0, borderline: 0, out: 0 };
    const bands = await page
      .locator("#viewport tbody tr.scored")
      .evaluateAll((rows) =>
        rows.map((row) => row.querySelector<HTMLElement>("td[data-domain]")?.dataset.domain ?? ""),
      );
    equal(bands.length, 3);
    for (const band of bands) all[band as keyof typeof all] += 1;
    for (const [name, band] of [
      ["In the model", "in"],
      ["Borderline", "borderline"],
      ["Outside", "out"],
    ] as const) {
      const box = menu.getByLabel(name);
      await box.uncheck();
      await rows(3 - all[band]);
      await box.check();
      // The row with an error is there again.
      await rows(4);
    }
    await page.keyboard.press("Escape");
  });
  await checks.check("cpu: a column is hidden, and the next one has the focus", async () => {
    const before = await heads(page);
    await page.locator("#viewport thead th.number:not(.trust) .menu").first().click();
    await menu.getByRole("button", { name: "Hide column" }).click();
    await menu.waitFor({ state: "hidden" });
    deepEqual(await heads(page), before.toSpliced(2, 1));
    equal(await focusedName(page), `Menu of ${before[3]}`);
    ok((await status(page)).endsWith("is hidden; Columns shows it again."), await status(page));
    await page.keyboard.press("ArrowRight");
    ok(await page.evaluate(() => document.activeElement?.matches(".sort")));
    await page.keyboard.press("ArrowDown");
    equal(await page.evaluate(() => document.activeElement?.textContent), "Details of row 1");
    await page.locator("#columns").click();
    await page.getByRole("button", { name: "Default columns" }).click();
    await page.keyboard.press("Escape");
    deepEqual(await heads(page), before);
    // The structures stay.
    await button("smiles").click();
    equal(await menu.getByRole("button", { name: "Hide column" }).count(), 0);
    await menu.getByRole("button", { name: "Find a substructure…" }).click();
    equal(await page.evaluate(() => document.activeElement?.id), "smarts");
  });
  await checks.check("cpu: with 100,000 rows a range is dragged in the histogram", async () => {
    const lines = ["smiles,a"];
    for (let row = 0; row < 100_000; row += 1) lines.push(`CCO,${row}`);
    await openFile(page, "large.csv", lines, 100_000);
    await button("a").focus();
    const began = Date.now();
    await page.keyboard.press("Enter");
    const canvas = menu.locator("canvas[aria-label^='Histogram of 100,000 values']");
    await canvas.waitFor();
    ok(Date.now() - began < 30_000, `${Date.now() - began} ms to open`);
    const box = await canvas.boundingBox();
    ok(box !== null);
    const across = async (share: number): Promise<void> =>
      page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
    await across(0.5);
    await page.mouse.down();
    await across(0.6);
    await across(0.995);
    await page.mouse.up();
    // 24 bins over 0 to 100,000: the upper half has no upper bound.
    equal(await menu.getByLabel("At least").inputValue(), "50000");
    equal(await menu.getByLabel("At most").inputValue(), "");
    await menu.getByText("50,000 of 100,000 rows shown.").waitFor();
    const typing = Date.now();
    await menu.getByLabel("At least").fill("99990");
    await menu.getByText("10 of 100,000 rows shown.").waitFor();
    ok(Date.now() - typing < 30_000, `${Date.now() - typing} ms to filter`);
    await page.keyboard.press("Escape");
  });
  await checks.check("cpu: the structures of an SDF have a menu too", async () => {
    const atom = "    0.0000    0.0000    0.0000 C   0  0";
    const block = `methane\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n${atom}\nM  END\n$$$$`;
    await openFile(page, "one.sdf", [block, block], 2);
    await button("Structure").click();
    equal(await menu.getByRole("button", { name: "A to Z" }).count(), 0);
    await menu.getByRole("button", { name: "Find a substructure…" }).waitFor();
    // Another table closes it.
    await page.setInputFiles("#picker", {
      name: "next.smi",
      mimeType: "text/plain",
      buffer: Buffer.from("CCO\n"),
    });
    await menu.waitFor({ state: "hidden" });
  });
  await checkQuiet("cpu: no errors on the console while using columns’ menus", visit);
  await visit.context.close();
}

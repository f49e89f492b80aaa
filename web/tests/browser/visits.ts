/** Links, small screens, what is kept, and the network switched off. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { type Served, serve } from "../server.js";
import {
  type Backend,
  checkQuiet,
  checks,
  counts,
  csv,
  cycle,
  dist,
  EXAMPLE_ROWS,
  explanation,
  exported,
  finished,
  isCalibrated,
  kept,
  LIMIT,
  moreScored,
  nextFrame,
  open,
  openFile,
  paintedRows,
  putText,
  score,
  settled,
  started,
  startScoring,
  status,
  until,
} from "./page.js";

export async function testFragmentAndWidth(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu#smiles=CCO%09ethanol%0ACC(`, site, {
    viewport: { width: 360, height: 740 },
  });
  const { page } = visit;
  await checks.check(
    "cpu: a link's molecules are in the box, and nowhere on the wire",
    async () => {
      equal(await page.locator("#smiles").inputValue(), "CCO\tethanol\nCC(");
      await finished(page, LIMIT);
      deepEqual(await counts(page), { rows: 2, scored: 1, errors: 1 });
      await page.locator("#smiles").fill("CC(=O)O\tacid");
      await page.getByRole("button", { name: "Copy link" }).click();
      await page.waitForFunction(() => location.hash.includes("CC(%3DO)O%09acid"));
    },
  );
  await checks.check("cpu: a card shows a few endpoints or all, and cards are sorted", async () => {
    await page.locator("#smiles").fill("CCO\tethanol\nCCCCCCCC\toctane\nc1ccccc1\tbenzene");
    await score(page);
    const card = page.locator("#viewport tbody tr.scored").first();
    const more = card.locator(".more");
    if ((await more.count()) > 0) {
      const values = (): Promise<number> => card.locator("td.on-card-score").count();
      const [few, left] = [await values(), Number.parseInt(await more.innerText(), 10)];
      await more.click();
      equal(await values(), few + left);
      equal(await more.getAttribute("aria-expanded"), "true");
      ok(await more.evaluate((button) => button === document.activeElement), "it has the focus");
      const fits = await card.evaluate((line) => line.scrollHeight <= line.clientHeight + 1);
      ok(fits, "the card is as high as its values");
      await more.click();
      equal(await values(), few);
    }
    const names = async (): Promise<string[]> => {
      // Rows are put in their places before the next paint.
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
      return page.locator("#viewport tbody tr.scored .on-card-naming").allInnerTexts();
    };
    const title = await card
      .locator("td.on-card-score:not(.trust)")
      .first()
      .getAttribute("data-label");
    await page.getByLabel("Sort by").selectOption({ label: title ?? "" });
    const ascending = await names();
    equal(ascending.length, 3);
    await page.getByRole("button", { name: "Ascending: turn the order round" }).click();
    deepEqual(await names(), ascending.toReversed());
    await page.getByLabel("Select all rows shown").check();
    equal(await page.locator("#selected").innerText(), "3 rows selected");
  });
  await checks.check("cpu: on a phone the tools that are rare unfold", async () => {
    const plot = page.locator("#plots-open");
    ok(!(await plot.isVisible()));
    await page.locator("#tools-more").click();
    ok(await plot.isVisible());
    equal(await page.locator("#tools-more").getAttribute("aria-expanded"), "true");
    await page.locator("#tools-more").click();
    ok(!(await plot.isVisible()));
  });
  await checks.check(
    "cpu: on a phone the sketcher's buttons are large, and hit where they are",
    async () => {
      await page.locator("#draw").click();
      const toolbar = page.locator("#editor-canvas canvas:not([tabindex])").first();
      await toolbar.waitFor({ timeout: LIMIT });
      // Before, a molecule that is being loaded would take the place of what is drawn.
      await page.locator("#editor-state").getByText("Draw a molecule.").waitFor({ timeout: LIMIT });
      const box = await toolbar.boundingBox();
      const frame = await page.locator("#editor-canvas").boundingBox();
      ok(box !== null && frame !== null);
      // Two columns and 17 lines of them.
      const [width, height] = [box.width / 2.2, box.height / 17.2];
      ok(width >= 24 && height >= 24, `${width} by ${height} pixels`);
      ok(box.y + box.height <= frame.y + frame.height, "none is cut off");
      // The ring of benzene.
      await page.mouse.click(box.x + 1.6 * width, box.y + 9.6 * height);
      await page.mouse.click(frame.x + 0.65 * frame.width, frame.y + 0.4 * frame.height);
      await page.waitForFunction(
        () => document.querySelector<HTMLInputElement>("#editor-smiles")?.value === "c1ccccc1",
        null,
        { timeout: 20_000 },
      );
      await page.keyboard.press("Escape");
    },
  );
  await checks.check("cpu: an address that is no link of ours says so", async () => {
    await page.evaluate(() => {
      location.hash = "#smiles=%E0%A4%A";
    });
    await page.locator("#message").getByText("cut or damaged on its way").waitFor();
  });
  await checks.check("cpu: nothing sticks out at 360 pixels", async () => {
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    ok(width <= 360, `the page is ${width} pixels wide`);
  });
  await checkQuiet("cpu: no errors on the console on a small screen", visit);
  await visit.context.close();
}

export async function testKeeping(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: scores are there again after a reload, and in the export", async () => {
    await page.locator("#smiles").fill("CCO ethanol\nCC( broken\nc1ccccc1 benzene");
    await score(page);
    const [before, values] = [await exported(page, "json"), await paintedRows(page)];
    await page.reload();
    await page.locator("#kept").waitFor({ timeout: LIMIT });
    deepEqual(await counts(page), { rows: 3, scored: 2, errors: 1 });
    await settled(page);
    deepEqual(
      (await paintedRows(page)).map((row) => row.values),
      values.map((row) => row.values),
    );
    deepEqual(JSON.parse(await exported(page, "json")), JSON.parse(before));
    await page.locator("#score").click();
    ok((await status(page)).startsWith("Every row"), await status(page));
  });
  await checks.check("cpu: leaving while it is opened again loses nothing", async () => {
    for (const wait of [0, 100, 300, 600]) {
      await page.reload({ waitUntil: "domcontentloaded" });
      await page.waitForTimeout(wait);
    }
    await page.reload();
    await page.locator("#kept").waitFor({ timeout: LIMIT });
    deepEqual(await counts(page), { rows: 3, scored: 2, errors: 1 });
  });
  await checks.check(
    "cpu: scores put aside for an unscored file are there after a reload",
    async () => {
      await openFile(page, "other.smi", ["CCC a", "CCN b"]);
      const offer = page.locator("#aside").getByText("begins with CCO ethanol (2 rows)");
      await offer.waitFor();
      await kept(page);
      await page.reload();
      await offer.waitFor({ timeout: LIMIT });
      await page.locator(".aside-back").click();
      await page.locator("#summary").getByText("3 rows").waitFor({ timeout: LIMIT });
      deepEqual(await counts(page), { rows: 3, scored: 2, errors: 1 });
      await page.locator("#aside").waitFor({ state: "hidden" });
    },
  );
  await checks.check("cpu: what another table took the place of is brought back", async () => {
    await page.locator("#example").click();
    await score(page);
    deepEqual((await counts(page)).rows, EXAMPLE_ROWS);
    await page.locator("#aside").getByText("begins with CCO ethanol (2 rows)").waitFor();
    await page.locator(".aside-back").click();
    await page.locator("#summary").getByText("3 rows").waitFor({ timeout: LIMIT });
    deepEqual(await counts(page), { rows: 3, scored: 2, errors: 1 });
    ok((await page.locator("#smiles").inputValue()).startsWith("CCO ethanol"));
  });
  await testAsides(page);
  await checks.check("cpu: a table is sorted and selected as it was after a reload", async () => {
    const names = (): Promise<string[]> =>
      page.locator("#viewport tbody tr:not(.spacer) th.row").allInnerTexts();
    await page.locator("#viewport thead .number .sort").last().click();
    await page.locator("#viewport tbody input").nth(1).click();
    const before = await names();
    // At once: what was changed last is written while the page is left.
    await page.reload();
    await page.locator("#kept").waitFor({ timeout: LIMIT });
    await settled(page);
    equal(await page.locator("#selected").innerText(), "1 row selected");
    equal(await page.locator("#viewport thead th[aria-sort=ascending]").count(), 1);
    deepEqual(await names(), before);
  });
  await checks.check(
    "cpu: a ranking is there again after a reload, and only of its table",
    async () => {
      if (!(await page.locator("#screening").isVisible()))
        await page.locator("#screening-open").click();
      await page.locator("#actives").fill("CCCO propanol\nCC(");
      await page.locator("#rank-by").selectOption("fingerprint");
      await page.locator("#rank").click();
      await page.locator("#rank-state").getByText("Ranked 2 rows").waitFor({ timeout: LIMIT });
      const seen = async () => {
        // The drawing of an active comes after its similarity, and its letters are part of the text.
        for (const row of [0, 1])
          await page
            .locator("#viewport td.with-active")
            .nth(row)
            .locator("svg text")
            .first()
            .waitFor({ timeout: LIMIT });
        return {
          cells: await page.locator("#viewport td.with-active").allInnerTexts(),
          said: await page.locator("#rank-state").textContent(),
          references: await page.locator("#actives").inputValue(),
          by: await page.locator("#rank-by").inputValue(),
          sorted: await page.locator("#viewport thead th[aria-sort=descending]").textContent(),
          exported: csv(await exported(page, "csv")).map((row) => row.slice(0, 6)),
        };
      };
      const before = await seen();
      equal(before.cells.length, 2);
      await page.reload();
      await page.locator("#kept").waitFor({ timeout: LIMIT });
      deepEqual(await seen(), before);
      await page.locator("#screening-open").click();
      await page.locator("#rank-clear").click();
      await page.reload();
      await page.locator("#kept").waitFor({ timeout: LIMIT });
      equal(await page.locator("#viewport td.with-active").count(), 0);
    },
  );
  await checks.check("cpu: a reload in the middle of scoring loses no row", async () => {
    let asked = 0;
    page.on("dialog", (dialog) => {
      asked += 1;
      void dialog.accept().catch(() => undefined);
    });
    await openFile(page, "many.smi", cycle(["CC(=O)Oc1ccccc1C(=O)O", "CCO"], 20_000));
    await page.locator("#score").click();
    await moreScored(page, 0);
    await page.locator("#cancel").click();
    await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
    const cancelled = (await counts(page)).scored;
    await page.locator("#score").click();
    await moreScored(page, cancelled);
    const { scored } = await counts(page);
    await page.reload();
    await page.locator("#kept").waitFor({ timeout: LIMIT });
    const after = await counts(page);
    ok(
      after.scored >= scored && after.rows === 20_000,
      `${after.scored} of the ${scored} rows that were scored`,
    );
    equal(asked, 0, "nothing is lost, so that nobody is asked");
  });
  await checks.check("cpu: a table that is too large to be kept says so", async () => {
    const unkept = page.locator("#unkept");
    // Made there: so much takes long on its way.
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      const comments = Array.from({ length: 500 }, () => `# ${"x".repeat(82_000)}\n`);
      dataTransfer.items.add(new File(["CCO a\n", ...comments, "CCN b\n"], "large.smi"));
      document.body.dispatchEvent(
        new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }),
      );
    });
    await page.locator("#summary").getByText("2 rows · 0 scored").waitFor({ timeout: LIMIT });
    ok(!(await unkept.isVisible()));
    await score(page);
    await unkept.getByText("too large to be kept for a reload: export it before").waitFor();
    await openFile(page, "small.smi", ["CCO a", "CCN b"]);
    ok(!(await unkept.isVisible()));
  });
  await checks.check("cpu: what is cleared is not kept", async () => {
    // At once: what is cleared goes while the page is left.
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await page.reload();
    await settled(page);
    ok(!(await page.locator("#results").isVisible()));
    equal(await page.locator("#smiles").inputValue(), "");
  });
  await checkQuiet("cpu: no errors on the console while keeping scores", visit);
  await visit.context.close();
}

/** Several tables that were put aside, each as it was looked at. */
async function testAsides(page: Page): Promise<void> {
  const list = async (text: string): Promise<void> => {
    await page.locator("#smiles").fill(text);
    await score(page);
  };
  const asides = (): Promise<string[]> => page.locator("#aside .aside-text").allInnerTexts();
  await checks.check("cpu: each of several tables is brought back as it was seen", async () => {
    const first = "CCO ethanol\nCCCO propanol\nc1ccccc1 benzene\nCCN amine";
    await list(first);
    await page.locator("#screening-open").click();
    await page.locator("#actives").fill("CCCCO butanol");
    await page.locator("#rank-by").selectOption("fingerprint");
    await page.locator("#rank").click();
    await page.locator("#rank-state").getByText("Ranked 4 rows").waitFor({ timeout: LIMIT });
    await page.locator("#filter").fill("an");
    await page.locator("#filters-open").click();
    await page.locator("#smarts").fill("[OH]");
    await page.locator("#smarts-find").click();
    await page.locator("#smarts-state").getByText("2 of 4 rows").waitFor({ timeout: LIMIT });
    await page.getByLabel("Select row 2", { exact: true }).check();
    const seen = async (): Promise<unknown> => {
      await nextFrame(page);
      return {
        rows: (await paintedRows(page)).map(({ number, values }) => [number, values]),
        filter: await page.locator("#filter").inputValue(),
        smarts: await page.locator("#smarts-state").textContent(),
        selected: await page.locator("#selected").innerText(),
        ranked: await page.locator("#rank-state").textContent(),
        text: await page.locator("#smiles").inputValue(),
      };
    };
    const before = await seen();
    await list("CCF two");
    await openFile(page, "three.smi", ["CCCl a", "CCBr b"]);
    await score(page);
    const offers = await asides();
    ok(/begins with CCF two \(1 row\)/.test(offers[0] ?? ""), offers.join("; "));
    ok(/begins with CCO ethanol \(4 rows\)/.test(offers[1] ?? ""), offers.join("; "));
    await kept(page);
    await page.reload();
    await page.locator("#kept").waitFor({ timeout: LIMIT });
    deepEqual(await asides(), offers, "they are kept over a reload");
    await page.locator(".aside-back").nth(1).click();
    await page.locator("#summary").getByText("4 rows").waitFor({ timeout: LIMIT });
    await page
      .locator("#rank-state")
      .getByText("Ranked 4 rows")
      .waitFor({ state: "attached", timeout: LIMIT });
    await page.locator("#summary").getByText("2 shown").waitFor();
    deepEqual(await seen(), before);
    ok(/three\.smi \(2 rows\)/.test((await asides())[0] ?? ""), "the other is put aside for it");
    await kept(page);
    await page.reload();
    await page.locator("#kept").waitFor({ timeout: LIMIT });
    deepEqual(await seen(), before, "and after a reload as well");
  });
  await checks.check("cpu: Clear leaves what is put aside, and can be undone", async () => {
    const offers = (await asides()).length;
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    const [cleared, ...others] = await asides();
    ok(/CCO ethanol \(4 rows\) were cleared/.test(cleared ?? ""), cleared);
    ok(offers > 1 && others.length >= offers - 1, `${others.length} of ${offers}`);
    await kept(page);
    await page.reload();
    await page.locator("#aside").waitFor({ timeout: LIMIT });
    ok(!(await asides()).includes(cleared ?? ""), "what was cleared is gone from this device");
    deepEqual((await asides()).slice(0, others.length), others);
    ok(!(await page.locator("#results").isVisible()));
    while (await page.locator("#aside").isVisible())
      await page.locator(".aside-drop").first().click();
    await list("CCO ethanol\nCC( broken\nc1ccccc1 benzene");
  });
  await checks.check("cpu: a text that something took the place of comes back", async () => {
    const replaced = page.locator("#replaced");
    const text = (): Promise<string> => page.locator("#smiles").inputValue();
    await page.locator("#smiles").fill("CCCC typed");
    await page.locator("#example").click();
    await replaced.getByText("The example took the place of your text.").waitFor();
    await page.locator("#replaced-back").click();
    equal(await text(), "CCCC typed");
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await replaced.getByText("Your text was cleared.").waitFor();
    await page.locator("#replaced-back").click();
    equal(await text(), "CCCC typed");
    await page.locator(".aside-back").click();
    await page.locator("#summary").getByText("3 rows").waitFor({ timeout: LIMIT });
    await replaced.getByText("The list took the place of your text.").waitFor();
  });
}

/** Waits until so many tabs have a place of their own: one that is closed lets go of it late. */
const openTabs = (page: Page, count: number): Promise<void> =>
  until(
    page,
    `${count} tabs are open`,
    async (count) => {
      const { held = [] } = await navigator.locks.query();
      return held.filter(({ name }) => name?.startsWith("delicate tab ")).length === count;
    },
    count,
  );

/** What is asked for while something else is under way, or out of sight. */
export async function testMeanwhile(browser: Browser, site: Served): Promise<void> {
  const url = `${site.url}?backend=cpu`;
  const visit = await open(browser, url, site);
  const { page, context } = visit;
  const many = cycle(["CC(=O)Oc1ccccc1C(=O)O", "CC(", "CCO"], 20_000);
  await checks.check("cpu: rows shown are counted as their results come", async () => {
    await openFile(page, "many.smi", many.slice(0, 3_000));
    await startScoring(page);
    await page.locator("#only-errors").check();
    await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
    await page.locator("#summary").getByText("1,000 errors · 1,000 shown").waitFor();
    await page.locator("#clear").click();
  });
  await checks.check("cpu: a link's list is scored though another is being scored", async () => {
    await putText(page, many.join("\n"));
    await startScoring(page);
    await page.evaluate(() => {
      location.hash = "#smiles=CCO%09ethanol";
    });
    await page.locator("#summary").getByText("1 row · 1 scored").waitFor({ timeout: LIMIT });
    await page.locator("#aside").getByText("begins with CC(=O)Oc1ccccc1C(=O)O").waitFor();
    await kept(page);
  });
  await checks.check("cpu: so is one that is typed, by a button or by a key", async () => {
    for (const [name, ask] of [
      ["button", () => page.locator("#score").click()],
      ["key", () => page.locator("#smiles").press("Control+Enter")],
    ] as const) {
      await putText(page, many.join("\n"));
      await startScoring(page);
      ok(await page.locator("#score").isHidden());
      await putText(page, `CCF ${name}`);
      ok(await page.locator("#cancel").isVisible());
      await ask();
      await page.locator("#summary").getByText("1 row · 1 scored").waitFor({ timeout: LIMIT });
      await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
    }
    await putText(page, "CCO\tethanol");
    await score(page);
    await kept(page);
  });
  await checks.check(
    "cpu: a file that is chosen while the last table is being opened again is opened",
    async () => {
      await context.addInitScript(() => {
        const later = (wait: number) => new Promise((resolve) => setTimeout(resolve, wait));
        // The empty page between has none.
        if (!("locks" in navigator)) return;
        const [read, request] = [Blob.prototype.arrayBuffer, LockManager.prototype.request];
        Blob.prototype.arrayBuffer = async function () {
          await later(4_000);
          return read.call(this);
        };
        // What the last visit left is looked for once the tab has its place, for which it waits
        // 1.5 s: with less than that left it would take another, as the copy of a tab does.
        LockManager.prototype.request = async function (...given: unknown[]) {
          if (String(given[0]).startsWith("delicate tab")) await later(500);
          return Reflect.apply(request, this, given);
        };
      });
      await page.goto("about:blank");
      await page.goto(url);
      await started(page);
      await openFile(page, "chosen.smi", ["CCN amine", "CCS thiol"]);
      // Each is offered, and none is in its place.
      await page.locator("#aside").getByText("begins with CCO ethanol").waitFor();
      equal(await page.locator("#file-name").textContent(), "chosen.smi");
    },
  );
  /** What was kept is looked for late here; all of it is offered at once. */
  const offered = (): Promise<void> =>
    until(
      page,
      "what was there before is aside",
      () => document.getElementById("aside")?.textContent?.includes("CCO ethanol") === true,
      null,
    );
  await checks.check("cpu: a table has no filter of the one that was there before it", async () => {
    await page.goto(`${url}#smiles=CCO%20ethanol%0ACCN%20amine`);
    await finished(page, LIMIT);
    await page.locator("#filter").fill("ethanol");
    await page.locator("#summary").getByText("1 shown").waitFor();
    // The next is scored before it is known what was kept.
    await page.goto("about:blank");
    await page.goto(`${url}#smiles=CCF%20other`);
    await finished(page, LIMIT);
    await offered();
    await kept(page);
    await page.reload();
    await page.locator("#summary").getByText("1 row · 1 scored").waitFor({ timeout: LIMIT });
    equal(await page.locator("#filter").inputValue(), "");
    equal(await page.locator("#summary").textContent(), "1 row · 1 scored");
  });
  await checks.check("cpu: a link that is opened again is not put aside for itself", async () => {
    await offered();
    const before = await page.locator("#aside-list").innerText();
    for (let visit = 0; visit < 3; visit += 1) {
      await page.reload();
      await finished(page, LIMIT);
      await offered();
      await kept(page);
    }
    const after = await page.locator("#aside-list").innerText();
    equal(after, before);
    ok(!after.includes("CCF other"), after);
  });
  await checks.check("cpu: a page that was opened out of sight keeps its table", async () => {
    const behind = await context.newPage();
    await behind.addInitScript(() => {
      Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
      window.requestAnimationFrame = () => 0;
    });
    await behind.goto(`${url}#smiles=CCF%09behind`);
    await behind.waitForFunction(
      () => document.getElementById("status")?.textContent?.startsWith("Done") === true,
      null,
      { timeout: LIMIT, polling: 100 },
    );
    await behind.waitForFunction(() => document.documentElement.dataset.keeping === "false", null, {
      timeout: LIMIT,
      polling: 100,
    });
    ok(await behind.locator("#unkept").isHidden());
    await behind.close();
  });
  await checkQuiet("cpu: no errors on the console while several things are under way", visit);
  await context.close();
  await checks.check(
    "cpu: what takes the place of a table that is being opened again has it put aside",
    async () => {
      // Without its copy of the page, which no test can hold up.
      const context = await browser.newContext({ serviceWorkers: "block" });
      const page = await context.newPage();
      await page.goto(url);
      await page.locator("#smiles").fill("CCO ethanol\nCCN amine");
      await score(page);
      await kept(page);
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      await context.route("**/*.wasm", async (route) => {
        await held;
        await route.continue();
      });
      await page.reload();
      await until(
        page,
        "the list of the last visit is in its box",
        () => document.querySelector<HTMLTextAreaElement>("#smiles")?.value !== "",
        null,
      );
      ok(await page.locator("#results").isHidden(), "it is not open yet");
      const buffer = Buffer.from("CCF a\nCCS b\n");
      await page.setInputFiles("#picker", { name: "next.smi", mimeType: "text/plain", buffer });
      const offer = page.locator("#aside").getByText("begins with CCO ethanol (2 rows)");
      await offer.waitFor({ timeout: LIMIT });
      release();
      await page.locator("#summary").getByText("2 rows · 0 scored").waitFor({ timeout: LIMIT });
      equal(await page.locator("#file-name").textContent(), "next.smi");
      await kept(page);
      await page.reload();
      await offer.waitFor({ timeout: LIMIT });
      await page.locator(".aside-back").click();
      await page.locator("#summary").getByText("2 rows · 2 scored").waitFor({ timeout: LIMIT });
      await context.close();
    },
  );
}

/** Tabs of one browser, each with its own table. */
export async function testTabs(browser: Browser, site: Served): Promise<void> {
  const url = `${site.url}?backend=cpu`;
  const visit = await open(browser, url, site);
  const { page, context } = visit;
  const list = async (tab: Page, text: string): Promise<void> => {
    await tab.locator("#smiles").fill(text);
    await score(tab);
    await kept(tab);
  };
  const reloaded = async (tab: Page): Promise<string> => {
    await tab.reload();
    await tab.locator("#kept").waitFor({ timeout: LIMIT });
    return tab.locator("#smiles").inputValue();
  };
  const [first, second, third] = ["CCO one", "CCN two\nCCC two", "CCF three"];
  let other: Page | null = null;
  await checks.check("cpu: each of two tabs finds its own table after a reload", async () => {
    await list(page, first);
    other = await context.newPage();
    await other.goto(url);
    await settled(other);
    ok(await other.locator("#results").isHidden(), "the first tab's table is not another's");
    ok(await other.locator("#aside").isHidden());
    await list(other, second);
    await list(page, first.replace("one", "again"));
    equal(await reloaded(other), second);
    equal(await reloaded(page), first.replace("one", "again"));
    equal((await counts(page)).rows, 1);
  });
  await checks.check("cpu: clearing one tab leaves the other's table", async () => {
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await kept(page);
    ok(other !== null);
    equal(await reloaded(other), second);
    await page.reload();
    await settled(page);
    equal(await page.locator("#smiles").inputValue(), "");
  });
  await checks.check("cpu: a tab that is a copy has its table, and keeps its own", async () => {
    await list(page, first);
    // A tab that another opens begins with a copy of what that remembers.
    const opening = context.waitForEvent("page");
    await page.evaluate(() => void window.open(location.href));
    const copy = await opening;
    await copy.locator("#kept").waitFor({ timeout: LIMIT });
    equal(await copy.locator("#smiles").inputValue(), first);
    await list(copy, "CCI copy");
    equal(await reloaded(page), first);
    equal(await reloaded(copy), "CCI copy");
    await copy.getByRole("button", { name: "Clear", exact: true }).click();
    await kept(copy);
    await copy.close();
    await openTabs(page, 2);
  });
  await checks.check("cpu: a new tab is offered the table of one that was closed", async () => {
    ok(other !== null);
    await list(page, third);
    await other.close();
    await openTabs(page, 1);
    const fresh = await context.newPage();
    await fresh.goto(url);
    await fresh
      .locator("#aside")
      .getByText("begins with CCN two (2 rows)")
      .waitFor({ timeout: LIMIT });
    ok(await fresh.locator("#results").isHidden(), "another tab is open");
    await fresh.locator(".aside-back").click();
    await fresh.locator("#summary").getByText("2 rows · 2 scored").waitFor({ timeout: LIMIT });
    await kept(fresh);
    // What is in use is offered to nobody else.
    const last = await context.newPage();
    await last.goto(url);
    await settled(last);
    const offered = (await last.locator("#aside-list").textContent()) ?? "";
    ok(!offered.includes("CCN two"), offered);
    await last.close();
    equal(await reloaded(fresh), second);
    equal(await reloaded(page), third);
    await kept(page);
    await fresh.close();
  });
  await checks.check("cpu: where no other tab is open the newest table is back", async () => {
    await page.close();
    const alone = await context.newPage();
    // Of the same origin, and no page.
    await alone.goto(`${site.url}served.js`);
    await openTabs(alone, 0);
    await alone.goto(url);
    await alone.locator("#kept").waitFor({ timeout: LIMIT });
    equal(await alone.locator("#smiles").inputValue(), third);
  });
  await checks.check("cpu: places of long ago are removed, those in use are not", async () => {
    const [alone] = context.pages();
    ok(alone !== undefined);
    // As if they had been left two months ago.
    await alone.evaluate(
      () =>
        new Promise<void>((resolve, reject) => {
          const opening = indexedDB.open("delicate", 1);
          opening.onsuccess = () => {
            const transaction = opening.result.transaction("tables", "readwrite");
            const store = transaction.objectStore("tables");
            store.put({}, "last");
            const walk = store.openCursor();
            walk.onsuccess = () => {
              const cursor = walk.result;
              if (cursor === null) return;
              if (Array.isArray(cursor.key) && cursor.key[0] === "entry")
                cursor.update({ ...cursor.value, at: Date.now() - 60 * 24 * 3_600_000 });
              cursor.continue();
            };
            transaction.oncomplete = () => {
              opening.result.close();
              resolve();
            };
            transaction.onabort = () => reject(transaction.error);
          };
        }),
    );
    equal(await reloaded(alone), third, "it is in use");
    await kept(alone);
    const left = await alone.evaluate(
      () =>
        new Promise<string[]>((resolve) => {
          const opening = indexedDB.open("delicate", 1);
          opening.onsuccess = () => {
            const asked = opening.result.transaction("tables").objectStore("tables").getAllKeys();
            asked.onsuccess = () => resolve(asked.result.map(String));
          };
        }),
    );
    const places = new Set(left.map((key) => key.split(",")[1]));
    deepEqual([places.size, left.includes("last")], [1, false], left.join(" "));
  });
  await checkQuiet("cpu: no errors on the console in several tabs", visit);
  await context.close();
}

export async function testOffline(browser: Browser, backend: Backend): Promise<void> {
  // A server of its own, to be stopped.
  const site = await serve(dist);
  const visit = await open(browser, `${site.url}?backend=${backend}`, site);
  const { page, context } = visit;
  await checks.check(
    `${backend}: after one visit the page scores with the network off`,
    async () => {
      await settled(page);
      await page.getByText("Available offline").waitFor({ timeout: LIMIT });
      await site.close();
      await context.setOffline(true);
      visit.faults.length = 0;
      await page.reload();
      await settled(page);
      await page.locator("#smiles").fill("CCO\tethanol\nCC(\tbroken");
      await score(page);
      deepEqual(await counts(page), { rows: 2, scored: 1, errors: 1 });
      const { domains } = await explanation(page, 0);
      equal(
        domains.some((domain) => domain !== null),
        await isCalibrated(),
        "the domain is kept with the model",
      );
      deepEqual(visit.faults, []);
    },
  );
  await context.close();
  await site.close();
}

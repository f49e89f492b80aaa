/** One row in full, two beside each other, and the sketcher. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Browser, Locator, Page } from "playwright-core";
import type { Served } from "../server.js";
import {
  checkQuiet,
  checks,
  counts,
  csv,
  cycle,
  explanation,
  exported,
  LIMIT,
  nameless,
  nextFrame,
  open,
  openFile,
  paintedRows,
  putText,
  score,
  startScoring,
  violations,
  visibleRows,
} from "./page.js";

export async function testDetails(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site, {
    viewport: { width: 390, height: 800 },
  });
  const { page } = visit;
  await checks.check("cpu: the molecule of a mol block is explained too", async () => {
    const block = [
      "ethanol\n\n",
      "  3  2  0  0  0  0  0  0  0  0999 V2000",
      "    0.0000    0.0000    0.0000 C   0  0",
      "    1.5000    0.0000    0.0000 C   0  0",
      "    2.2500    1.2990    0.0000 O   0  0",
      "  1  2  1  0",
      "  2  3  1  0",
      "M  END",
      "$$$$",
    ];
    await page.setInputFiles("#picker", {
      name: "one.sdf",
      mimeType: "text/plain",
      buffer: Buffer.from(`${block.join("\n")}\n`),
    });
    await page.locator("#results").waitFor();
    await score(page);
    const found = await explanation(page, 0);
    equal(found.smiles, "CCO");
    ok(found.contributions.every((values) => values.length === 3));
    await page.locator("#file-remove").click();
  });
  await checks.check("cpu: Copy SMILES hands out a mol block as it was drawn", async () => {
    const block = [
      "sodium acetate\n\n",
      "  5  3  0  0  0  0  0  0  0  0999 V2000",
      "    0.0000    0.0000    0.0000 C   0  0",
      "    1.5000    0.0000    0.0000 C   0  0",
      "    2.2500    1.2990    0.0000 O   0  0",
      "    2.2500   -1.2990    0.0000 O   0  5",
      "    5.0000    0.0000    0.0000 Na  0  3",
      "  1  2  1  0",
      "  2  3  2  0",
      "  2  4  1  0",
      "M  END",
      "$$$$",
    ];
    await page.setInputFiles("#picker", {
      name: "salt.sdf",
      mimeType: "text/plain",
      buffer: Buffer.from(`${block.join("\n")}\n`),
    });
    await page.locator("#results").waitFor();
    await score(page);
    await page.locator("#results tbody th button").first().click();
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const details = page.locator("#details");
    await details.getByRole("button", { name: "Copy SMILES" }).click();
    await details.getByText("Copied").waitFor();
    equal(await page.evaluate(() => navigator.clipboard.readText()), "CC(=O)[O-].[Na+]");
    await page.keyboard.press("Escape");
    await page.locator("#file-remove").click();
  });
  await checks.check(
    "cpu: the atoms' contributions are read by keyboard, and nothing sticks out on a phone",
    async () => {
      await page.locator("#smiles").fill("CCO\nCC(=O)Nc1ccc(O)cc1\nCC(C)Cc1ccc(cc1)C(C)C(=O)O");
      await score(page);
      await page.locator("#results tbody th button").nth(1).focus();
      await page.keyboard.press("Enter");
      await page.locator("#details .atoms").waitFor({ timeout: LIMIT });
      deepEqual(await page.locator("#details .reason").allInnerTexts(), [
        "No basic atom: the endpoint is not defined for this molecule.",
      ]);
      for (
        let presses = 0;
        presses < 20 &&
        !(await page.evaluate(() => document.activeElement?.matches(".atom") === true));
        presses += 1
      )
        await page.keyboard.press("Tab");
      ok(
        (await page.locator("#details .readout").innerText()).startsWith("Atom 1, C, "),
        await page.locator("#details .readout").innerText(),
      );
      await page.keyboard.press("ArrowRight");
      const second = await page.locator("#details .readout").innerText();
      ok(/^Atom 2, C, (raises it by|lowers it by|changes nothing)/.test(second), second);
      equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), second);
      await page.keyboard.press("End");
      ok((await page.locator("#details .readout").innerText()).startsWith("Atom 11, "));
      deepEqual(await nameless(page, visit.context), []);
      // Citations are told once, and folded.
      ok(!(await page.locator("#details .predictions").innerText()).includes("Data:"));
      await page.locator("#details .sources summary").click();
      ok(/doi/.test(await page.locator("#details .sources").innerText()));
      const close = await page.locator("#details .heading form button").boundingBox();
      ok(close !== null && close.y > 0 && close.y < 250, "Close stays in sight");
      const widths = await page
        .locator("#details")
        .evaluate((dialog) => [dialog.scrollWidth, dialog.clientWidth]);
      ok(
        (widths[0] ?? 0) <= (widths[1] ?? 0),
        `the dialog holds ${widths[0]} pixels in ${widths[1]}`,
      );
      await page.keyboard.press("Escape");
      await page.locator("#details").waitFor({ state: "hidden" });
    },
  );
  await checks.check(
    "cpu: an explanation that fails says why, and can be asked for again",
    async () => {
      await page.evaluate(() => {
        const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (
          this: Worker,
          message: { call: string; args: { row: number } },
        ) {
          if (message.call !== "explain") return post.call(this, message);
          Worker.prototype.postMessage = post;
          post.call(this, { ...message, args: { ...message.args, row: 1_000 } });
        } as typeof post;
      });
      await page.locator("#results tbody th button").first().click();
      await page
        .locator("#details [role=alert]")
        .getByText("there is no row")
        .waitFor({ timeout: LIMIT });
      await page.locator("#details").getByRole("button", { name: "Try again" }).click();
      await page.locator("#details .atoms").waitFor({ timeout: LIMIT });
      equal(await page.locator("#details [role=alert]").count(), 0);
      await page.keyboard.press("Escape");
    },
  );
  await checks.check(
    "cpu: while a table is being scored, an explanation waits its turn",
    async () => {
      await openFile(page, "many.smi", cycle(["CC(=O)Oc1ccccc1C(=O)O", "CCO"], 20_000));
      await startScoring(page);
      // At once: the answer may come between a click and a look.
      const state = await page.evaluate(() => {
        document.querySelector<HTMLButtonElement>("#results tbody th button")?.click();
        return document.querySelector("#details [role=status]")?.textContent ?? "";
      });
      ok(state.startsWith("Waiting"), state);
      await page.locator("#details .atoms").waitFor({ timeout: LIMIT });
      await page.keyboard.press("Escape");
      await page.locator("#cancel").click();
      await page.locator("#cancel").waitFor({ state: "hidden", timeout: LIMIT });
      ok((await counts(page)).scored < 20_000, "it was answered before the end");
      await page.locator("#file-remove").click();
      await page.locator("#smiles").fill("CCO\nCC(=O)Nc1ccc(O)cc1\nCC(C)Cc1ccc(cc1)C(C)C(=O)O");
      await score(page);
    },
  );
  await checks.check(
    "cpu: an answer that comes after its row was closed is not shown",
    async () => {
      await page.locator("#results tbody th button").nth(2).click();
      await page.keyboard.press("Escape");
      await page.locator("#results tbody th button").nth(0).click();
      await page.locator("#details .atoms").waitFor({ timeout: LIMIT });
      await page.waitForTimeout(500);
      deepEqual(await page.locator("#details .atoms").allInnerTexts(), ["CCO"]);
      await page.keyboard.press("Escape");
    },
  );
  await checkQuiet("cpu: no errors on the console while reading details", visit);
  await visit.context.close();
}

export async function testComparison(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const button = page.locator("#compare-open");
  const select = (row: number): Promise<void> =>
    page.getByLabel(`Select row ${row}`, { exact: true }).check();
  await checks.check("cpu: two selected rows are compared, value by value", async () => {
    await page.locator("#smiles").fill("c1ccccc1O phenol\nCC( broken\nCc1ccccc1O cresol");
    await score(page);
    await select(1);
    ok(await button.isHidden(), "one row is no pair");
    await select(2);
    ok(await button.isHidden(), "a row without values is not compared");
    await page.getByLabel("Select row 2", { exact: true }).uncheck();
    await select(3);
    equal(await button.innerText(), "Compare these two");
    await select(2);
    equal(await button.innerText(), "Compare the first two", "a third row hides nothing");
    await button.click();
    const dialog = page.locator("#compare");
    await dialog.locator("svg.molecule").nth(1).waitFor({ timeout: LIMIT });
    deepEqual(await dialog.locator("figcaption").allInnerTexts(), ["phenol reference", "cresol"]);
    const shown = await page.evaluate(() =>
      [...document.querySelectorAll("#compare-body tbody tr:has(td)")].map((line) =>
        [...line.querySelectorAll("data")].map(({ value }) => Number(value)),
      ),
    );
    const table = await visibleRows(page);
    const [first = [], second = []] = [table[0]?.values, table[2]?.values];
    ok(first.length > 0 && shown.length >= first.length);
    for (const value of first)
      ok(
        shown.some(([one]) => one === value),
        `${value} is missing`,
      );
    for (const value of second)
      ok(
        shown.some(([, one]) => one === value),
        `${value} is missing`,
      );
    for (const [one = 0, other = 0, difference] of shown) equal(difference, other - one);
    deepEqual(await violations(page), []);
  });
  await checks.check("cpu: the row that was selected first is compared with", async () => {
    await page.keyboard.press("Escape");
    await page.locator("#select-none").click();
    await select(3);
    await select(1);
    await button.click();
    const dialog = page.locator("#compare");
    deepEqual(await dialog.locator("figcaption").allInnerTexts(), ["cresol reference", "phenol"]);
    ok((await dialog.innerText()).includes("Difference: phenol minus cresol"));
  });
  await checks.check(
    "cpu: on a phone both molecules and their difference are in sight",
    async () => {
      const size = page.viewportSize();
      await page.setViewportSize({ width: 390, height: 800 });
      const widths = await page
        .locator("#compare-body .wide")
        .evaluate((values) => [values.scrollWidth, values.clientWidth]);
      ok((widths[0] ?? 0) <= (widths[1] ?? 0), `${widths[0]} pixels in ${widths[1]}`);
      deepEqual(await violations(page), []);
      if (size !== null) await page.setViewportSize(size);
      // The table is laid out anew.
      await nextFrame(page);
    },
  );
  await checks.check("cpu: the comparison opens and closes by keyboard alone", async () => {
    await page.keyboard.press("Escape");
    await page.locator("#compare").waitFor({ state: "hidden" });
    equal(await page.evaluate(() => document.activeElement?.id), "compare-open");
    await page.locator("#results tbody th button").first().focus();
    await page.keyboard.press("c");
    await page.locator("#compare").waitFor({ state: "visible" });
    await page.keyboard.press("Escape");
    equal(
      await page.evaluate(() => document.activeElement?.closest("tr")?.dataset.row),
      "0",
      "the focus is where it was",
    );
  });
  await checkQuiet("cpu: no errors on the console while comparing", visit);
  await visit.context.close();
}

export async function testEditor(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: a molecule changed in the sketcher is scored anew", async () => {
    await page.locator("#smiles").fill("c1ccccc1 benzene");
    await score(page);
    await page.locator("#results tbody th button").first().click();
    await page.locator("#details-edit").click();
    await page.locator("#editor-state").getByText("the values follow").waitFor({ timeout: LIMIT });
    const before = await page.locator("#editor-values tbody tr:has(td)").first().innerText();
    ok(!(await page.locator("#editor-values").innerText()).includes("within"));
    const canvas = page.locator("#editor-canvas canvas").last();
    const box = await canvas.boundingBox();
    ok(box !== null);
    // A bond from nowhere is a second molecule: the smaller is left out. From the ring it is a
    // substituent: one of these places is an atom of the ring.
    for (let angle = 0; angle < 360 && (await changed()) === before; angle += 15) {
      const [x, y] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
      await canvas.click({ position: { x: box.width / 2 + 24 * x, y: box.height / 2 + 24 * y } });
      await page.waitForTimeout(600);
    }
    async function changed(): Promise<string> {
      return page.locator("#editor-values tbody tr:has(td)").first().innerText();
    }
    // Of what was clicked last.
    await page.locator("#editor-state").getByText("Scored in").waitFor({ timeout: LIMIT });
    ok((await changed()) !== before, "the numbers have changed");
    ok(/Scored in \d+ ms/.test(await page.locator("#editor-state").innerText()));
    ok((await page.locator("#editor-smiles").inputValue()).length > 8);
    await page.locator("#editor-add").click();
    await page.locator("#editor").waitFor({ state: "hidden" });
    ok((await page.locator("#smiles").inputValue()).includes("benzene, edited"));
  });
  await testTyped(page);
  await testEditedForms(page);
  await testLeftDrawing(page);
  await testCorrection(page);
  await testListBesideFile(page);
  await testJoining(page);
  await testEditingMeanwhile(page);
  await checkQuiet("cpu: no errors on the console while drawing by hand", visit);
  await visit.context.close();
}

/** Opens a row of the table in the sketcher, and waits for its drawing. */
async function edit(page: Page, row: number, words = "the values follow"): Promise<void> {
  await page.locator(`#results tr[data-row="${row}"] th button`).click();
  await page.locator("#details-edit").click();
  await page.locator("#editor-state").getByText(words).waitFor({ timeout: LIMIT });
}

/** What is said of a SMILES that is typed where nothing is drawn yet. */
async function testTyped(page: Page): Promise<void> {
  await checks.check(
    "cpu: the sketcher says what a typed SMILES is, and where it fails",
    async () => {
      await page.locator("#draw").click();
      const [field, state, why, block] = ["smiles", "state", "why", "block"].map((part) =>
        page.locator(`#editor-${part}`),
      ) as [Locator, Locator, Locator, Locator];
      await state.getByText("Draw a molecule.").waitFor({ timeout: LIMIT });
      await field.fill("CC(=O)");
      await why.getByText(/^Enter in the field draws and scores/).waitFor();
      // From 1, as in the table.
      for (const [smiles, words] of [
        ["c1cc", "Ring closure 1 opened at position 2 is never closed."],
        ["CC(N", "Parenthesis at position 3 is never closed."],
      ] as const) {
        await field.fill(smiles);
        await field.press("Enter");
        await state.getByText(words).waitFor({ timeout: LIMIT });
        await why.getByText("nothing to add or to copy").waitFor();
        ok(await block.isDisabled());
      }
      await field.fill("CCO");
      await field.press("Enter");
      await state.getByText("Scored in").waitFor({ timeout: LIMIT });
      ok(await block.isEnabled());
      await field.fill("CC(N");
      await why.getByText("are of the molecule before").waitFor();
      await field.press("Enter");
      await why.getByText("nothing to add or to copy").waitFor();
      ok(await block.isDisabled());
      await field.fill("");
      await field.press("Enter");
      await state.getByText("Draw a molecule.").waitFor({ timeout: LIMIT });
      await page.keyboard.press("Escape");
      await page.locator("#editor").waitFor({ state: "hidden" });
    },
  );
}

const IBUPROFEN = "CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O";
const ASPIRIN = "CC(=O)Oc1ccccc1C(=O)[O-].[Na+]";
const BUTYRATE = "CC[C@H](O)C(=O)[O-].[Na+]";
const FORMS = `${IBUPROFEN} S-ibuprofen\n${ASPIRIN} aspirin sodium\n${BUTYRATE} sodium hydroxybutyrate`;

/** The molecule in the sketcher is the one that was given. */
async function testEditedForms(page: Page): Promise<void> {
  const smiles = page.locator("#editor-smiles");
  const note = page.locator("#editor-note");
  await page.locator("#smiles").fill(FORMS);
  await score(page);
  await checks.check("cpu: the sketcher keeps stereo, and says that it is not read", async () => {
    await edit(page, 0);
    equal(await smiles.inputValue(), IBUPROFEN);
    ok(/stereo not read/.test(await note.innerText()), await note.innerText());
    // Its mol block has the wedge, and the page reads it back.
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.locator("#editor-block").click();
    await page.locator("#editor-state").getByText("Copied").waitFor();
    ok(/CFG=[13]/.test(await page.evaluate(() => navigator.clipboard.readText())));
    await page.locator("#editor-add").click();
    await page.locator("#editor").waitFor({ state: "hidden" });
    const lines = (await page.locator("#smiles").inputValue()).split("\n");
    equal(lines.length, 4);
    equal(lines[3], `${IBUPROFEN}\tS-ibuprofen`, "nothing was edited");
  });
  await checks.check(
    "cpu: a changed drawing is handed out with its stereo and its salt",
    async () => {
      await edit(page, 2);
      equal(await smiles.inputValue(), BUTYRATE);
      // A bond from nowhere is a second molecule.
      const canvas = page.locator("#editor-canvas canvas").last();
      const box = await canvas.boundingBox();
      ok(box !== null);
      await canvas.click({ position: { x: 20, y: box.height - 20 } });
      await page.locator("#editor-state").getByText("Scored in").waitFor({ timeout: LIMIT });
      const drawn = await smiles.inputValue();
      equal(drawn, `CC.${BUTYRATE}`);
      const words = await note.innerText();
      ok(/left out: CC, \[Na\+\]/.test(words) && /stereo not read/.test(words), words);
      await page.locator("#editor-add").click();
      await page.locator("#editor").waitFor({ state: "hidden" });
      const lines = (await page.locator("#smiles").inputValue()).split("\n");
      equal(lines.at(-1), `${drawn}\tsodium hydroxybutyrate, edited`);
    },
  );
  await checks.check("cpu: the sketcher keeps a salt and its charges", async () => {
    await edit(page, 1);
    equal(await smiles.inputValue(), ASPIRIN);
    const words = await note.innerText();
    ok(/left out: \[Na\+\]/.test(words) && /charges removed: 1/.test(words), words);
    await page.keyboard.press("Escape");
  });
  await checks.check("cpu: a molecule is edited by keyboard alone", async () => {
    await edit(page, 0);
    await smiles.focus();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("CC(C)Cc1ccc(cc1)[C@@H](CF)C(=O)O");
    await page.keyboard.press("Enter");
    await page.locator("#editor-state").getByText("Scored in").waitFor({ timeout: LIMIT });
    equal(await smiles.inputValue(), "CC(C)Cc1ccc(cc1)[C@@H](CF)C(=O)O");
    ok(/stereo not read/.test(await note.innerText()));
    ok(/interval/.test(await page.locator("#editor-values").innerText()));
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("C1CC");
    // What was typed is not what is drawn, until it is entered; and then it is no molecule.
    const offers = ["#editor-add", "#editor-copy", "#editor-block"].map((offer) =>
      page.locator(offer),
    );
    const why = page.locator("#editor-why");
    await why.getByText("are of the molecule before").waitFor();
    for (const offer of offers) ok(await offer.isDisabled());
    await page.keyboard.press("Enter");
    await page.locator("#editor-smiles[aria-invalid=true]").waitFor();
    await why.getByText("The field holds no molecule").waitFor();
    for (const offer of offers) ok(await offer.isDisabled());
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("C1CC1");
    await page.keyboard.press("Enter");
    await page.locator("#editor-state").getByText("Scored in").waitFor({ timeout: LIMIT });
    ok(await why.isHidden());
    for (const offer of offers) ok(await offer.isEnabled());
    await page.locator("#editor-reset").click();
    await page.locator("#editor-state").getByText("the values follow").waitFor();
    const label = await page.evaluate(() => {
      const [frame] = document.querySelectorAll("#editor-canvas [data-openchemlib-canvas-editor]");
      return frame?.shadowRoot?.querySelector("canvas[tabindex]")?.getAttribute("aria-label");
    });
    ok(/Control and V/.test(label ?? ""), label ?? "no label");
  });
}

/** A SMILES that is none is opened to be corrected, where it stands. */
async function testCorrection(page: Page): Promise<void> {
  await checks.check("cpu: a row with an error is corrected in its list", async () => {
    await page.locator("#smiles").fill("CCO ethanol\nCC( broken one\nCCN amine");
    await score(page);
    await page.locator('#results tr[data-row="1"] th button').click();
    await page.getByRole("button", { name: "Correct…" }).click();
    await page.locator("#editor-smiles[aria-invalid=true]").waitFor({ timeout: LIMIT });
    const field = page.locator("#editor-smiles");
    equal(await field.inputValue(), "CC(");
    ok(/bracket|closed|branch|end/i.test(await page.locator("#editor-state").innerText()));
    ok(await page.locator("#editor-add").isDisabled());
    await field.fill("CC(C)O");
    await field.press("Enter");
    await page.locator("#editor-state").getByText("Scored in").waitFor({ timeout: LIMIT });
    await page.getByRole("button", { name: "Correct it in the list" }).click();
    await page.locator("#editor").waitFor({ state: "hidden" });
    equal(await page.locator("#smiles").inputValue(), "CCO ethanol\nCC(C)O broken one\nCCN amine");
    await score(page);
    await page.locator("#summary").getByText("3 rows · 3 scored").waitFor({ timeout: LIMIT });
  });
}

/** What was changed and not added is there again. */
async function testLeftDrawing(page: Page): Promise<void> {
  const smiles = page.locator("#editor-smiles");
  await checks.check("cpu: a drawing that was left by Escape comes back", async () => {
    await smiles.fill("CC(C)Cc1ccc(cc1)[C@@H](CCl)C(=O)O");
    await smiles.press("Enter");
    await page.locator("#editor-state").getByText("Scored in").waitFor({ timeout: LIMIT });
    await page.keyboard.press("Escape");
    await page.locator("#editor").waitFor({ state: "hidden" });
    await edit(page, 0, "as you left it");
    equal(await smiles.inputValue(), "CC(C)Cc1ccc(cc1)[C@@H](CCl)C(=O)O");
    await page.locator("#editor-reset").click();
    await page.locator("#editor-state").getByText("the values follow").waitFor();
    equal(await smiles.inputValue(), IBUPROFEN);
    const heading = page.locator("#editor .heading");
    await page.locator("#editor").evaluate((dialog) => dialog.scrollTo(0, dialog.scrollHeight));
    const box = await heading.locator("button").boundingBox();
    ok(box !== null && box.y > 0 && box.y < 200, "Close stays in sight");
    await page.keyboard.press("Escape");
  });
}

/** Where a file is open, its analogues are in a list, and the file is put aside. */
async function testListBesideFile(page: Page): Promise<void> {
  await checks.check("cpu: a row of a file and its change are scored in a list", async () => {
    await page.locator("#clear").click();
    const csv = `smiles,name\n${IBUPROFEN},S-ibuprofen\nCCO,ethanol\n`;
    await page
      .locator("#picker")
      .setInputFiles({ name: "two.csv", mimeType: "text/csv", buffer: Buffer.from(csv) });
    await page.locator("#summary").getByText("2 rows").waitFor();
    await score(page);
    await edit(page, 1);
    const field = page.locator("#editor-smiles");
    await field.fill("OCCO");
    await field.press("Enter");
    await page.locator("#editor-state").getByText("Scored in").waitFor({ timeout: LIMIT });
    ok(/two\.csv is put aside/.test(await page.locator("#editor-aside").innerText()));
    await page.locator("#editor-add").click();
    await page.locator("#summary").getByText("2 rows · 2 scored").waitFor({ timeout: LIMIT });
    equal(await page.locator("#smiles").inputValue(), "CCO\tethanol\nOCCO\tethanol, edited");
    const aside = page.locator("#aside li").first();
    ok(/two\.csv \(2 rows\)/.test(await aside.innerText()));
    await aside.locator(".aside-back").click();
    await page.locator("#file-name").getByText("two.csv").waitFor();
    await page.locator("#summary").getByText("2 rows · 2 scored").waitFor({ timeout: LIMIT });
  });
  await checks.check("cpu: a molecule that was changed joins the table of its file", async () => {
    const before = await paintedRows(page);
    await page.locator("#viewport thead .number .sort").last().click();
    await edit(page, 1);
    ok(await page.locator("#editor-join").isDisabled(), "nothing is changed yet");
    const field = page.locator("#editor-smiles");
    await field.fill("OCCO");
    await field.press("Enter");
    await page.locator("#editor-state").getByText("Scored in").waitFor({ timeout: LIMIT });
    await page.locator("#editor-join").click();
    await page.locator("#summary").getByText("3 rows · 3 scored").waitFor({ timeout: LIMIT });
    await page.locator("#status").getByText("Added to the table as row 3.").waitFor();
    equal(await page.locator("#file-name").innerText(), "two.csv");
    ok(!/two\.csv/.test((await page.locator("#aside-list").textContent()) ?? ""), "all is in it");
    equal(await page.locator("#viewport thead th[aria-sort=ascending]").count(), 1, "still sorted");
    await page.locator("#viewport thead th[aria-sort=ascending] .sort").click();
    await page.locator("#viewport thead th[aria-sort=descending] .sort").click();
    await page.locator("#viewport thead th[aria-sort=ascending]").waitFor({ state: "detached" });
    const [head, ...rows] = csv(await exported(page, "csv"));
    deepEqual(head?.slice(0, 3), ["smiles", "name", "added"]);
    deepEqual(
      rows.map((row) => row.slice(0, 3)),
      [
        [IBUPROFEN, "S-ibuprofen", ""],
        ["CCO", "ethanol", ""],
        ["OCCO", "ethanol, edited", "from row 2"],
      ],
    );
    await nextFrame(page);
    const after = await paintedRows(page);
    deepEqual(
      after.slice(0, 2).map(({ values }) => values),
      before.map(({ values }) => values),
      "no number of the others has changed",
    );
  });
}

/** Draws a molecule of nobody's. */
async function drawNew(page: Page, smiles: string): Promise<void> {
  await page.locator("#draw").click();
  await page
    .locator("#editor-state")
    .getByText(/Draw a molecule|as you left it/)
    .waitFor();
  const field = page.locator("#editor-smiles");
  await field.fill(smiles);
  await field.press("Enter");
  await page.locator("#editor-state").getByText("Scored in").waitFor({ timeout: LIMIT });
}

async function testJoining(page: Page): Promise<void> {
  const block = (title: string): string =>
    `${title}\n  hand\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\nM  END`;
  const sdf = `${block("methane")}\n>  <x>\n1\n\n>  <note>\ntwo\nlines\n\n$$$$\n${block("again")}\n>  <y>\n2\n\n$$$$\n`;
  const columns = ["name", "x", "note", "y", "added"];
  const hasJoined = async (): Promise<void> => {
    await page.locator("#summary").getByText("3 rows · 3 scored").waitFor({ timeout: LIMIT });
    await page.locator("#status").getByText("Added to the table as row 3.").waitFor();
    const rows = JSON.parse(await exported(page, "json")) as Record<string, string>[];
    deepEqual(
      rows.map((row) => columns.map((name) => row[name])),
      [
        ["methane", "1", "two\nlines", "", ""],
        ["again", "", "", "2", ""],
        ["drawing", "", "", "", "drawn"],
      ],
    );
    deepEqual(
      rows.map(({ smiles }) => smiles),
      ["C", "C", "C[C@H](O)F"],
    );
  };
  await checks.check("cpu: a drawn molecule joins the mol blocks of a file", async () => {
    await page.locator("#clear").click();
    await page
      .locator("#picker")
      .setInputFiles({ name: "two.sdf", mimeType: "text/plain", buffer: Buffer.from(sdf) });
    await page.locator("#summary").getByText("2 rows").waitFor();
    await score(page);
    await drawNew(page, "C[C@H](O)F");
    deepEqual(await page.locator("#editor .choice .primary").allInnerTexts(), ["Add to the table"]);
    await page.getByRole("button", { name: "Add to the table" }).click();
    await hasJoined();
    equal(await page.locator("#file-name").innerText(), "two.sdf");
    // The blocks of the file as they came.
    const file = await exported(page, "sdf");
    ok(file.startsWith(block("methane")), file.slice(0, 300));
  });
  await checks.check("cpu: the same of mol blocks that were pasted, scored or not", async () => {
    for (const isScored of [true, false]) {
      await page.locator("#clear").click();
      await page.locator("#smiles").fill(sdf);
      if (isScored) await score(page);
      await drawNew(page, "C[C@H](O)F");
      ok(await page.locator("#editor-add").isHidden(), "a line is no mol block");
      await page.getByRole("button", { name: "Add to the table" }).click();
      if (!isScored) {
        await page.locator("#summary").getByText("3 rows · 0 scored").waitFor({ timeout: LIMIT });
        await page.locator("#status").getByText("row 3, not scored yet.").waitFor();
        await score(page);
        continue;
      }
      await hasJoined();
      const text = await page.locator("#smiles").inputValue();
      ok(text.startsWith(block("methane")) && text.includes("drawing"), text);
      ok(await page.locator("#table-of").isHidden(), "the box holds what the table is of");
      ok(await page.locator("#replaced").isHidden(), "nothing of it is gone");
    }
  });
  await checks.check("cpu: a row with an error is corrected in the table of its file", async () => {
    await page.locator("#clear").click();
    const table = "id,smiles,x\na,CCO,1\nb,CC(C,2\nc,CCN,3\n";
    await page
      .locator("#picker")
      .setInputFiles({ name: "three.csv", mimeType: "text/csv", buffer: Buffer.from(table) });
    await page.locator("#summary").getByText("3 rows").waitFor();
    await score(page);
    await page.locator("#results tbody th button").nth(1).click();
    await page.getByRole("button", { name: "Correct…" }).click();
    const field = page.locator("#editor-smiles");
    await page.locator("#editor-smiles[aria-invalid=true]").waitFor();
    await field.fill("CC(C)C");
    await field.press("Enter");
    await page.locator("#editor-state").getByText("Scored in").waitFor({ timeout: LIMIT });
    await page.getByRole("button", { name: "Correct it in the table" }).click();
    await page.locator("#summary").getByText("3 rows · 3 scored").waitFor({ timeout: LIMIT });
    await page.locator("#status").getByText("Row 2 is corrected.").waitFor();
    const [, ...rows] = csv(await exported(page, "csv"));
    deepEqual(
      rows.map((row) => row.slice(0, 4)),
      [
        ["a", "CCO", "1", ""],
        ["b", "CC(C)C", "2", "corrected, was CC(C"],
        ["c", "CCN", "3", ""],
      ],
    );
  });
  await checks.check("cpu: the same of a table that was pasted", async () => {
    await page.locator("#clear").click();
    await page.locator("#smiles").fill("id,smiles,activity\na,CCO,1\nb,CCN,2\n");
    await score(page);
    await drawNew(page, "CCCl");
    ok(await page.locator("#editor-add").isHidden(), "a line is no row of a table");
    await page.getByRole("button", { name: "Add to the table" }).click();
    await page.locator("#summary").getByText("3 rows · 3 scored").waitFor({ timeout: LIMIT });
    const [head, ...rows] = csv(await exported(page, "csv"));
    deepEqual(head?.slice(0, 4), ["id", "smiles", "activity", "added"]);
    deepEqual(rows[2]?.slice(0, 4), ["drawing", "CCCl", "", "drawn"]);
    ok((await page.locator("#smiles").inputValue()).includes('"CCCl"'));
  });
}

/** What the sketcher asks is answered between two pieces of a table. */
async function testEditingMeanwhile(page: Page): Promise<void> {
  await checks.check("cpu: a change is scored while a table is being scored", async () => {
    await page.locator("#clear").click();
    const lines = Array.from({ length: 20_000 }, (_, row) => {
      const chain = "C".repeat(1 + (row % 40));
      return `${chain}OC(=O)c1ccc(N${"C".repeat(1 + (Math.floor(row / 40) % 75))})cc1 row${row}`;
    });
    await putText(page, lines.join("\n"));
    await page.locator("#score").click();
    await page.locator('#results tr[data-row="0"] td[data-domain]').first().waitFor();
    await page.locator('#results tr[data-row="0"] th button').click();
    await page.locator("#details-edit").click();
    await page.locator("#editor-state").getByText("the values follow").waitFor();
    const field = page.locator("#editor-smiles");
    await field.fill("CCOC(=O)c1ccc(N)cc1F");
    await field.press("Enter");
    await page.locator("#editor-state").getByText("Scored in").waitFor();
    ok(await page.locator("#cancel").isVisible(), "still scoring");
    await page.keyboard.press("Escape");
    await page.locator("#cancel").click();
    await page.locator("#score").waitFor();
  });
}

/** Tables of every kind, pasted and opened. */

import { deepEqual, equal, ok } from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { locked, workbook, zipped, zstandard } from "../archives.js";
import type { Served } from "../server.js";
import {
  checkQuiet,
  checks,
  counts,
  csv,
  cycle,
  exported,
  LIMIT,
  nextFrame,
  open,
  openFile,
  paintedRows,
  putText,
  score,
  settled,
  status,
  visibleRows,
} from "./page.js";

export async function testLargeFile(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const total = 10_000;
  await checks.check("cpu: 10,000 rows, 1 % of them broken, come back in order", async () => {
    const good = [
      "CCO",
      "c1ccccc1O",
      "CC(=O)O",
      "CCN(CC)CC",
      "CC#N",
      "OCC(O)CO",
      "C1CCCCC1",
      "NCC(=O)O",
      "CCCl",
    ];
    const lines = Array.from(
      { length: total },
      (_, index) => `${index % 100 === 41 ? "CC(C" : good[index % good.length]}\tmol-${index}`,
    );
    await openFile(page, "screen.smi", lines);
    await score(page, 4 * LIMIT);
    deepEqual(await counts(page), {
      rows: total,
      scored: total - total / 100,
      errors: total / 100,
    });
    const rows = (await exported(page, "jsonl")).trimEnd().split("\n");
    equal(rows.length, total);
    rows.forEach((row, index) => ok(row.includes(`"mol-${index}"`), `line ${index + 1} is ${row}`));
  });

  await checks.check(
    "cpu: the table holds only the rows in sight, and the last can be reached",
    async () => {
      equal(await page.locator("#viewport table").getAttribute("aria-rowcount"), String(total + 1));
      ok((await page.locator("#results tbody tr").count()) < 100, "the table is windowed");
      await page.locator("#results tbody th button").first().focus();
      await page.keyboard.press("End");
      await page.waitForFunction(
        () => document.activeElement?.textContent?.endsWith("10,000") === true,
      );
      equal(
        await page.locator("#results tbody tr:has(:focus)").getAttribute("aria-rowindex"),
        String(total + 1),
      );
    },
  );

  await checks.check("cpu: only errors, the filter and sorting choose rows", async () => {
    await page.locator("#only-errors").check();
    await page.waitForFunction(
      () => document.querySelector("#viewport table")?.getAttribute("aria-rowcount") === "101",
    );
    await page.locator("#only-errors").uncheck();
    await page.locator("#filter").fill("mol-99");
    await page.waitForFunction(
      () => document.querySelector("#viewport table")?.getAttribute("aria-rowcount") === "112",
    );
    await page.locator("#filter").fill("");
    const head = page.locator("thead th.number:not(.trust)").first();
    await head.locator(".sort").click();
    equal(await head.getAttribute("aria-sort"), "ascending");
    const up = await firstValues(page);
    deepEqual(
      up,
      up.toSorted((a, b) => a - b),
    );
    await head.locator(".sort").click();
    equal(await head.getAttribute("aria-sort"), "descending");
    const down = await firstValues(page);
    deepEqual(
      down,
      down.toSorted((a, b) => b - a),
    );
    ok((down[0] ?? 0) > (up[0] ?? 0), "the two ends differ");
    await head.locator(".sort").click();
    equal(await head.getAttribute("aria-sort"), "none");
  });
  await visit.context.close();
}

export async function testColumns(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: a table without a known SMILES column asks which it is", async () => {
    // Too few of the values look like SMILES for them to be found.
    const table = "who,what,how much\nx1,CCO,1\nx2,to do,2\nx3,to do,3\n";
    await page.setInputFiles("#picker", {
      name: "odd.csv",
      mimeType: "text/csv",
      buffer: Buffer.from(table),
    });
    await page.locator("#chooser").waitFor({ timeout: LIMIT });
    deepEqual(await page.locator("#chooser-smiles option").allInnerTexts(), [
      "who",
      "what",
      "how much",
    ]);
    await page.getByLabel("SMILES column").selectOption("what");
    await page.getByLabel("Name column").selectOption("who");
    await page.getByRole("button", { name: "Use these columns" }).click();
    await page.locator("#results").waitFor();
    await score(page);
    deepEqual(await counts(page), { rows: 3, scored: 1, errors: 2 });
  });
  await checks.check("cpu: of two columns of SMILES the other one can be read", async () => {
    const table = "smiles,parent_smiles,name\nCCO,CCCO,a\nCCN,CCCN,b\n";
    await openFile(page, "two.csv", table.trim().split("\n"), 2);
    await page.locator("#notes").getByText("not from").waitFor();
    await page.getByRole("button", { name: "Read other columns…" }).click();
    await page.getByLabel("SMILES column").selectOption("parent_smiles");
    await page.getByRole("button", { name: "Use these columns" }).click();
    await page.locator("#chooser").waitFor({ state: "hidden" });
    await score(page);
    equal((await visibleRows(page))[0]?.smiles, "CCCO");
  });
  await checks.check("cpu: columns of one name are told apart by their places", async () => {
    const table = "smiles,activity,smiles,activity\nCCO,5,CCCO,50\nCCN,7,CCCN,30\nCCS,6,CCCS,40\n";
    await openFile(page, "twins.csv", table.trim().split("\n"), 3);
    const fields = async (): Promise<string[][]> =>
      (await visibleRows(page)).map(({ fields }) => fields.slice(1, 4));
    await page.getByRole("button", { name: "Read other columns…" }).click();
    deepEqual(await page.locator("#chooser-smiles option").allInnerTexts(), [
      "smiles",
      "activity",
      "smiles (2)",
      "activity (2)",
    ]);
    await page.getByLabel("SMILES column").selectOption("smiles (2)");
    await page.getByLabel("Name column").selectOption("activity (2)");
    await page.getByRole("button", { name: "Use these columns" }).click();
    await page.locator("#chooser").waitFor({ state: "hidden" });
    await score(page);
    deepEqual(
      (await visibleRows(page)).map(({ smiles }) => smiles),
      ["CCCO", "CCCN", "CCCS"],
    );
    const heads = async (): Promise<string[]> => {
      await nextFrame(page);
      return page.locator("#viewport thead th:not(.row) .name").allInnerTexts();
    };
    deepEqual((await heads()).slice(0, 4), ["smiles (2)", "activity (2)", "smiles", "activity"]);
    // Each is sorted and filtered by its own numbers, and hidden alone.
    await page.locator("#viewport thead .sort", { hasText: "activity (2)" }).click();
    deepEqual(await fields(), [
      ["30", "CCN", "7"],
      ["40", "CCS", "6"],
      ["50", "CCO", "5"],
    ]);
    await page.getByRole("button", { name: "Menu of activity", exact: true }).click();
    await page.locator("#column-menu").getByLabel("At least").fill("6");
    await page.keyboard.press("Escape");
    await page.locator("#summary").getByText("2 shown").waitFor();
    await page.getByRole("button", { name: "Menu of activity, filtered" }).click();
    await page.locator("#column-menu").getByRole("button", { name: "Hide column" }).click();
    deepEqual((await heads()).slice(0, 3), ["smiles (2)", "activity (2)", "smiles"]);
    const filters = page.locator("#filter-list");
    await page.locator("#filters-open").click();
    ok((await filters.innerText()).startsWith("activity"), await filters.innerText());
    ok(!(await filters.innerText()).includes("(2)"));
    const [head = [], ...rows] = csv(await exported(page, "csv"));
    deepEqual(head.slice(0, 4), ["smiles", "activity", "smiles", "activity"]);
    deepEqual(
      rows.map((row) => row.slice(0, 4)),
      [
        ["CCN", "7", "CCCN", "30"],
        ["CCS", "6", "CCCS", "40"],
      ],
    );
    const [record = ""] = (await exported(page, "sdf")).split("$$$$\n");
    for (const item of ["smiles>\nCCN", "activity>\n7", "smiles_2>\nCCCN", "activity_2>\n30"])
      ok(record.includes(`> <${item}\n`), record);
    await page.locator("#not-held").getByText("“activity” is called “activity_2”").waitFor();
    const [first] = JSON.parse(await exported(page, "json"));
    deepEqual(
      [first.smiles, first.activity, first.smiles_2, first.activity_2],
      ["CCN", "7", "CCCN", "30"],
    );
    // The same after a reload, once how it is looked at has rested and was kept.
    await page.waitForTimeout(1_000);
    await page.reload();
    await page.locator("#kept").getByText("twins.csv is back").waitFor({ timeout: LIMIT });
    await page.locator("#viewport tbody tr.scored").first().waitFor();
    equal((await visibleRows(page))[0]?.smiles, "CCCN");
  });
  await checks.check(
    "cpu: a table of a spreadsheet with decimal commas sorts by its numbers",
    async () => {
      const table = "name;smiles;IC50\na;CCO;12,5\nb;CCN;5,49\nc;CCC;100\nd;CCS;0,125\n";
      await openFile(page, "komma.csv", table.trim().split("\n"), 4);
      await page.locator("#viewport thead .sort", { hasText: /^IC50$/ }).click();
      deepEqual(
        (await visibleRows(page)).map(({ smiles }) => smiles),
        ["CCS", "CCN", "CCO", "CCC"],
      );
      await page.getByRole("button", { name: "Menu of IC50" }).click();
      await page.locator("#column-menu").getByLabel("At most").fill("6");
      await page.locator("#column-menu-count").getByText("2 of 4 rows shown.").waitFor();
      await page.keyboard.press("Escape");
    },
  );
  await checks.check("cpu: text pasted anywhere goes into the box", async () => {
    await page.evaluate(() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", "CCO\tethanol\n");
      document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    });
    equal(await page.locator("#smiles").inputValue(), "CCO\tethanol");
    equal(await page.evaluate(() => document.activeElement?.id), "score");
  });
  await checks.check("cpu: an empty box says what to do", async () => {
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await page.locator("#score").click();
    ok((await page.getByRole("alert").innerText()).includes("Paste some SMILES"));
  });
  await checkQuiet("cpu: no errors on the console while choosing columns", visit);
  await visit.context.close();
}

/** Chooses a file of bytes, and what the page says of it: its rows and notes, or a message. */
async function told(page: Page, name: string, buffer: Buffer): Promise<string> {
  await page.locator("#clear").dispatchEvent("click");
  await page.locator("#results").waitFor({ state: "hidden" });
  await page.setInputFiles("#picker", { name, mimeType: "application/octet-stream", buffer });
  const shown = page.locator("#message, #summary").filter({ visible: true });
  await shown.first().waitFor({ timeout: LIMIT });
  const all = page.locator("#message, #summary, #notes").filter({ visible: true });
  return (await all.allInnerTexts()).join(" ");
}

export async function testArchives(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const table = "name,smiles\nethanol,CCO\nbenzene,c1ccccc1\n";
  await checks.check("cpu: archives and workbooks open, and say what of them is read", async () => {
    const sheets = {
      About: [["Made by", "hand"]],
      Compounds: [
        ["name", "smiles"],
        ["ethanol", "CCO"],
      ],
    };
    for (const [name, file, ...expected] of [
      [
        "set.zip",
        zipped({ "set/table.csv": table, "read me.txt": "first" }),
        "2 rows",
        "set/table.csv",
        "read me.txt",
      ],
      ["set.xlsx", workbook(sheets), "1 row", "Compounds", "About"],
      // By its content, whatever its name.
      ["set.csv", workbook({ Sheet1: sheets.Compounds }), "1 row"],
      ["set.csv.zst", zstandard(table), "2 rows"],
      ["set.csv.gz", gzipSync(table), "2 rows"],
      ["set.csv", gzipSync(table), "2 rows"],
      // Text, whatever its name.
      ["set.csv.gz", Buffer.from(table), "2 rows", "is not a gzip file, as its name says"],
      ["set.xlsx", Buffer.from(table), "2 rows", "is not an Excel workbook, as its name says"],
    ] as const) {
      const text = await told(page, name, file);
      for (const part of expected) ok(text.includes(part), `${name}: ${part} is not in: ${text}`);
    }
  });
  await checks.check("cpu: scores of a workbook are exported with its columns", async () => {
    const sheet = [
      ["id", "smiles"],
      ["a", "CCO"],
      ["b", "CC("],
    ];
    await told(page, "plate.xlsx", workbook({ Plate: sheet }));
    await score(page);
    const [head, ...rows] = csv(await exported(page, "csv"));
    deepEqual(head?.slice(0, 2), sheet[0]);
    deepEqual(
      rows.map((row) => row.slice(0, 2)),
      sheet.slice(1),
    );
    ok(rows[1]?.at(-1) !== "" && rows[0]?.at(-1) === "", "the second row has an error");
  });
  await checks.check("cpu: archives that cannot be read say why", async () => {
    const whole = zipped({ "a.csv": table });
    const old = Buffer.concat([Buffer.from("d0cf11e0a1b11ae1", "hex"), Buffer.alloc(600)]);
    for (const [name, file, expected] of [
      ["two.zip", zipped({ "a.csv": table, "b.smi": "CCO" }), "several tables"],
      ["none.zip", zipped({ "a.png": "", "b.pdf": "" }), "holds no table"],
      ["locked.zip", locked(whole), "encrypted"],
      ["cut.zip", whole.subarray(0, -30), "cut off or damaged"],
      ["old.xls", old, "old Excel workbook"],
      ["empty.xlsx", workbook({ Sheet1: [] }), ""],
      ["report.xlsx", Buffer.from("no table\n"), "is not an Excel workbook, as its name says"],
    ] as const) {
      const text = await told(page, name, file);
      ok(text.includes(expected) && !text.includes(" rows"), `${name}: ${text}`);
    }
    await told(page, "whole.zip", whole);
    await score(page);
    equal((await counts(page)).scored, 2, "the engine goes on");
  });
  await checks.check("cpu: what was chosen, left out or changed is said of each file", async () => {
    const methane =
      "m\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\n";
    for (const [name, file, expected] of [
      ["remarks.csv", `# by hand\n# twice\n${table}`, "2 lines that begin with #"],
      ["values.csv", "what,CCO\nx,CCN\ny,c1ccccc1\n", "by its values"],
      ["items.sdf", `${methane}M  END\n>  <>\nnone\n\n>  <id>\n7\n\n$$$$\n`, "without a name"],
      ["cut.sdf", `${methane}M  END\n$$$$\n${methane}`, "looks cut off"],
      ["padded.gz", Buffer.concat([gzipSync(table), Buffer.alloc(512)]), "512 zero bytes"],
      ["wide.csv", Buffer.from(`\ufeff${table}`, "utf16le"), "2 rows"],
    ] as const) {
      const text = await told(page, name, Buffer.from(file));
      ok(text.includes(expected), `${name}: ${text}`);
    }
    const changed = ["CCN.Cl salt", "CC(=O)[O-] anion", "[13CH4] heavy", "C/C=C\\\\C twice"];
    await openFile(page, "changed.smi", changed);
    await score(page);
    const said = await page.locator("#notes").innerText();
    for (const part of [
      "1 molecule was scored without salts",
      "1 in neutral form",
      "1 without isotope labels",
      "In 1 row: a doubled backslash",
    ])
      ok(said.includes(part), said);
  });
  await checkQuiet("cpu: no errors on the console while opening archives", visit);
  await visit.context.close();
}

export async function testSecondFile(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const name = "cpu: a file opened while a pasted list is being read gets its own numbers";
  await checks.check(name, async () => {
    await settled(page);
    const rows = 40;
    const second = `${cycle(["CCO"], rows).join("\n")}\n`;
    await openFile(page, "alone.smi", cycle(["CCO"], rows));
    await score(page);
    const expected = (await paintedRows(page))[0]?.values;
    for (const delay of [0, 60, 150, 400]) {
      await page.locator("#file-remove").click();
      await putText(page, cycle(["CSC1=NC(=O)C=CN1"], 5_000).join("\n"));
      await page.locator("#score").click();
      await page.waitForTimeout(delay);
      const buffer = Buffer.from(second);
      await page.setInputFiles("#picker", { name: "second.smi", mimeType: "text/plain", buffer });
      await page
        .locator("#summary")
        .getByText(`${rows} rows · 0 scored`)
        .waitFor({ timeout: LIMIT });
      await score(page);
      deepEqual(await counts(page), { rows, scored: rows, errors: 0 });
      const shown = await paintedRows(page);
      ok(shown.length > 0);
      for (const { smiles, values } of shown) {
        equal(smiles, "CCO");
        deepEqual(values, expected, `${delay} ms after Score`);
      }
      const table = csv(await exported(page, "csv"));
      equal(table.length, rows + 1);
      ok(table.slice(1).every(([smiles]) => smiles === "CCO"));
    }
  });
  await checks.check(
    "cpu: of several files the first is opened, and the others are named",
    async () => {
      const dropped = (names: string[]): Promise<void> =>
        page.evaluate((names) => {
          const dataTransfer = new DataTransfer();
          for (const name of names) dataTransfer.items.add(new File(["CCO a\nCCN b\n"], name));
          document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }),
          );
        }, names);
      await dropped(["one.smi", "two.smi", "three.smi"]);
      const others = page.locator("#others");
      await others.getByText("Not opened: two.smi, three.smi.").waitFor();
      await page.locator("#summary").getByText("2 rows").waitFor({ timeout: LIMIT });
      equal(await page.locator("#file-name").innerText(), "one.smi");
      ok(await others.isVisible(), "it is still said when the file is open");
      await page.setInputFiles(
        "#picker",
        ["four.smi", "five.smi"].map((name) => ({
          name,
          mimeType: "text/plain",
          buffer: Buffer.from("CCO\n"),
        })),
      );
      await others.getByText("Not opened: five.smi.").waitFor();
      await dropped(["six.smi"]);
      await others.waitFor({ state: "hidden" });
      equal(await page.locator("#file-name").innerText(), "six.smi");
    },
  );
  await checks.check("cpu: a file that cannot be opened leaves the table before", async () => {
    await openFile(page, "good.smi", ["CCO a", "CCN b"]);
    await score(page);
    await page.setInputFiles("#picker", {
      name: "bad.csv.gz",
      mimeType: "application/gzip",
      buffer: Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]),
    });
    const message = page.locator("#message");
    await message.getByText("bad.csv.gz could not be opened: ").waitFor({ timeout: LIMIT });
    await page.locator("#summary").getByText("2 rows · 2 scored").waitFor({ timeout: LIMIT });
    equal(await page.locator("#file-name").innerText(), "good.smi");
    equal(await status(page), "");
    ok(await message.isVisible());
    const aside = (await page.locator("#aside-list").textContent()) ?? "";
    ok(!aside.includes("good.smi"), "it is open, and not put aside");
  });
  await checks.check("cpu: a list that cannot be opened says what the table is of", async () => {
    const tableOf = page.locator("#table-of");
    await page.locator("#file-remove").click();
    await page.locator("#smiles").fill("CCO a\nCCN b");
    await score(page);
    ok(await tableOf.isHidden());
    await page.locator("#smiles").fill("C\u0000C");
    ok(await tableOf.isVisible(), "the box was changed");
    await page.locator("#score").click();
    await page.locator("#message").waitFor({ timeout: LIMIT });
    await page.locator("#summary").getByText("2 rows · 2 scored").waitFor({ timeout: LIMIT });
    equal(await page.locator("#smiles").inputValue(), "C\u0000C");
    ok((await tableOf.innerText()).startsWith("This table is of the list before"));
    await page.locator("#smiles").fill("CCO a\nCCN b");
    ok(await tableOf.isHidden(), "the box holds its list again");
    await page.locator("#smiles").fill("# nothing but a remark");
    await page.locator("#score").click();
    await page.locator("#empty").getByText("There is no molecule in the list.").waitFor();
    await page.locator("#status").getByText("There is no row to score.").waitFor();
  });
  await checkQuiet("cpu: no errors on the console between two files", visit);
  await visit.context.close();
}

export async function testOneLine(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  await checks.check("cpu: SMILES on one line are offered as lines of their own", async () => {
    await page.locator("#smiles").fill("CCO ethanol");
    await score(page);
    ok(await page.locator("#one-line").isHidden(), "a name is no SMILES");
    await page.locator("#smiles").fill("CCO c1ccccc1O CC#N");
    await score(page);
    deepEqual(await counts(page), { rows: 1, scored: 1, errors: 0 });
    await page.locator("#one-line-split").click();
    await page.waitForFunction(() => document.querySelectorAll("#results tr.scored").length === 3);
    equal(await page.locator("#smiles").inputValue(), "CCO\nc1ccccc1O\nCC#N");
    ok(await page.locator("#one-line").isHidden());
    for (const line of ["CCO,CCN", "CCO;CCN"]) {
      await page.locator("#smiles").fill(line);
      await page.locator("#score").click();
      await page.locator("#one-line-split").click();
      await page.waitForFunction(
        () => document.querySelectorAll("#results tr.scored").length === 2,
      );
      equal(await page.locator("#smiles").inputValue(), "CCO\nCCN", line);
    }
  });
  await checks.check(
    "cpu: what names a molecule and is no SMILES is told for what it is",
    async () => {
      const names: [string, string][] = [
        ["InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)", "an InChI"],
        ["BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "an InChIKey"],
        ["50-78-2", "a CAS number"],
        ["aspirin", "a name"],
      ];
      for (const [text, what] of names) {
        await page.locator("#smiles").fill(text);
        await score(page);
        const [row] = await visibleRows(page);
        ok(row?.reason?.includes(`${what}, not a SMILES`), `${text}: ${row?.reason}`);
      }
    },
  );
  await visit.context.close();
}

async function firstValues(page: Page): Promise<number[]> {
  await nextFrame(page);
  return page
    .locator("#results tbody tr:not(.spacer)")
    .evaluateAll((rows) =>
      rows.slice(0, 10).map((row) => Number(row.querySelector<HTMLDataElement>("td data")?.value)),
    );
}

/** Rows that are looked for: by substructure, in a plot, by similarity. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Browser } from "playwright-core";
import type { Served } from "../server.js";
import {
  checkQuiet,
  checks,
  counts,
  csv,
  cycle,
  drawn,
  exported,
  finished,
  LIMIT,
  open,
  openFile,
  score,
  startScoring,
  visibleRows,
} from "./page.js";

export async function testSubstructure(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const lines = ["c1ccccc1C(=O)O acid", "CCO ethanol", "CC( broken", "CCOC(=O)c1ccccc1 ester"];
  const shown = async (): Promise<string[]> =>
    (await visibleRows(page)).map(({ number }) => number);
  const look = async (smarts: string, says: RegExp): Promise<void> => {
    await page.locator("#smarts").fill(smarts);
    await page.keyboard.press("Enter");
    await page.locator("#smarts-state").getByText(says).waitFor({ timeout: LIMIT });
  };
  await checks.check("cpu: rows are filtered by a substructure, which is marked", async () => {
    await openFile(page, "four.smi", lines);
    await drawn(page, "#viewport", 3);
    await page.locator("#filters-open").click();
    await look("c1ccccc1C(=O)O", /2 of 4 rows contain it. 1 row could not be searched/);
    deepEqual(await shown(), ["1", "4"]);
    equal(await page.locator("#filters-open").innerText(), "Filters (1)");
    await drawn(page, "#viewport", 2);
    equal(await page.locator("#viewport tbody tr").nth(1).locator("circle.matched").count(), 9);
    await page.locator("#smarts-wanted").selectOption("without");
    deepEqual(await shown(), ["2"]);
    equal(csv(await exported(page, "csv")).length, 2, "the rows shown are exported");
    await page.locator("#smarts-wanted").selectOption("with");
    await page.locator("#smarts-remove").click();
    deepEqual(await shown(), ["1", "2", "3", "4"]);
    equal(await page.locator("#filters-open").innerText(), "Filters");
  });
  await checks.check("cpu: it is said that molecules are searched as drawn", async () => {
    const how = page.getByText("Molecules are searched as they are drawn, not as they are scored");
    ok(await how.isVisible());
    const id = (await how.getAttribute("id")) ?? "none";
    ok((await page.locator("#smarts").getAttribute("aria-describedby"))?.includes(id));
    await openFile(page, "salt.smi", ["CC(=O)[O-].[Na+] salt", "CC(=O)O acid"]);
    await look("C(=O)[OH]", /1 of 2 rows contain it/);
    deepEqual(await shown(), ["2"]);
    await page.locator("#smarts-remove").click();
    await openFile(page, "four.smi", lines);
  });
  await checks.check("cpu: a pattern that is none is marked where it is wrong", async () => {
    await look("c1ccccc1C(=X)O", /is not allowed there/);
    equal(await page.locator("#smarts-state mark").innerText(), "X");
    equal(await page.locator("#smarts").getAttribute("aria-invalid"), "true");
    deepEqual(await shown(), ["1", "2", "3", "4"]);
    await look("[NH2", /is not closed/);
    await look("", /There is no pattern/);
    await look("[OH]", /2 of 4 rows contain it/);
    // With another that is none, it is said what the table shows.
    await look("[NH2", /is not closed.*still shows the rows with \[OH\]/);
    deepEqual(await shown(), ["1", "2"]);
    await look("[OH]", /2 of 4 rows contain it/);
    equal(await page.locator("#smarts").getAttribute("aria-invalid"), "false");
    await page.locator("#filter-clear").click();
    deepEqual(await shown(), ["1", "2", "3", "4"]);
  });
  await checks.check(
    "cpu: 100,000 rows are searched in pieces, and it can be cancelled",
    async () => {
      const good = ["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C", "CCO", "OCC(O)CO"];
      await openFile(page, "many.smi", cycle(good, 100_000));
      await page.locator("#smarts").fill("C(=O)[OH]");
      await page.keyboard.press("Enter");
      await page
        .locator("#smarts-state")
        .getByText(/^Searching: [\d,]+ of 100,000/)
        .waitFor();
      await page.locator("#smarts-cancel").click();
      await page.locator("#smarts-state").getByText("cancelled").waitFor({ timeout: LIMIT });
      equal((await counts(page)).rows, 100_000);
      await look("C(=O)[OH]", /^25,000 of 100,000 rows contain it/);
      equal(await page.locator("#viewport table").getAttribute("aria-rowcount"), "25001");
    },
  );
  await checkQuiet("cpu: no errors on the console while searching", visit);
  await visit.context.close();
}

export async function testPlots(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const drag = async (from: [number, number], to: [number, number]): Promise<void> => {
    const box = await page.locator("#plot-canvas").boundingBox();
    ok(box !== null);
    await page.mouse.move(box.x + box.width * from[0], box.y + box.height * from[1]);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * to[0], box.y + box.height * to[1], { steps: 4 });
    await page.mouse.up();
  };
  await checks.check("cpu: rows are selected in a histogram and in a scatter plot", async () => {
    const lines = [
      "smiles,a,b",
      ...Array.from({ length: 200 }, (_, row) => `CCO,${row},${row % 10}`),
    ];
    await openFile(page, "plot.csv", lines, 200);
    await page.locator("#plots-open").click();
    await page.locator("#plot-x").selectOption({ label: "a" });
    await page.locator("#plot-readout").getByText("a: 200 rows, median 100").waitFor();
    await drag([0.001, 0.3], [0.999, 0.6]);
    ok((await page.locator("#selected").innerText()).startsWith("200 rows"));
    await page.locator("#plot-y").selectOption({ label: "b" });
    await page.locator("#plot-readout").getByText("b over a, Pearson’s r").waitFor();
    // The upper half: b from 5 on.
    await drag([0.001, 0.001], [0.999, 0.45]);
    const selected = Number(/^\d+/.exec(await page.locator("#selected").innerText())?.[0]);
    ok(selected === 100 || selected === 80 || selected === 120, `${selected} rows`);
    equal(csv(await exported(page, "csv")).length, selected + 1);
  });
  await checks.check("cpu: 100,000 rows are plotted without a long wait", async () => {
    const lines = ["smiles,a,b"];
    for (let row = 0; row < 100_000; row += 1) lines.push(`CCO,${row},${(row * 7919) % 10_007}`);
    await openFile(page, "large.csv", lines, 100_000);
    await page.locator("#plot-x").selectOption({ label: "a" });
    const began = Date.now();
    await page.locator("#plot-y").selectOption({ label: "b" });
    await page.locator("#plot-readout").getByText("b over a").waitFor();
    // Minutes where each row was a mark of its own.
    ok(Date.now() - began < 30_000, `${Date.now() - began} ms`);
  });
  await checkQuiet("cpu: no errors on the console while plotting", visit);
  await visit.context.close();
}

export async function testScreening(browser: Browser, site: Served): Promise<void> {
  const visit = await open(browser, `${site.url}?backend=cpu`, site);
  const { page } = visit;
  const actives = ["CC(=O)Oc1ccccc1C(=O)O aspirin", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C caffeine"];
  const lines = [
    "CCO ethanol",
    "OC(=O)c1ccccc1O salicylic",
    "CN1C=NC2=C1C(=O)NC(=O)N2C theobromine",
    "CC( broken",
    "CC(=O)Oc1ccccc1C(=O)O same",
  ];
  await page.locator("#smiles").fill(lines.join("\n"));
  await score(page);
  for (const by of ["fingerprint", "weighted", "embedding", "fused"]) {
    await checks.check(`cpu: the table is ranked by its ${by} similarity to actives`, async () => {
      if (!(await page.locator("#screening").isVisible()))
        await page.locator("#screening-open").click();
      await page.locator("#actives").fill(actives.join("\n"));
      await page.locator("#rank-by").selectOption(by);
      await page.locator("#rank").click();
      await page.locator("#rank-state").getByText("Ranked 4 rows").waitFor({ timeout: LIMIT });
      const table = csv(await exported(page, "csv"));
      equal(table.length, 6);
      // The similarities are taken along, and of which reference they are.
      const place = table[0]?.indexOf("similarity_to_reference") ?? -1;
      deepEqual(table[0]?.slice(place, place + 2), [
        "similarity_to_reference",
        "nearest_reference",
      ]);
      const written = table.slice(1).map((row) => row.slice(place, place + 2));
      deepEqual(written[0], ["1.0000", "aspirin"]);
      deepEqual(written[4], ["", ""], "the broken row has none");
      ok((await exported(page, "sdf")).includes("> <nearest_reference>\naspirin\n"));
      const cells = await page
        .locator("#viewport td.with-active data")
        .evaluateAll((cells) => cells.map((cell) => Number((cell as HTMLDataElement).value)));
      equal(cells.length, 4);
      deepEqual(
        cells,
        cells.toSorted((a, b) => b - a),
      );
      ok(Math.abs((cells[0] ?? 0) - 1) < 1e-5, cells.join(", "));
      await drawn(page, "#viewport td.with-active", 4);
    });
  }
  await checks.check(
    "cpu: references that cannot be used are named, each with its fault",
    async () => {
      const state = page.locator("#rank-state");
      for (const by of ["fingerprint", "fused"]) {
        await page.locator("#rank-by").selectOption(by);
        for (const [given, fault] of [
          ["C!C", /^The reference cannot be used, so nothing was ranked \(line 1: Unexpected “!”/],
          ["[Na+].[Cl-]", /nothing was ranked \(line 1: No organic part/],
        ] as const) {
          await page.locator("#actives").fill(given);
          await page.locator("#rank").click();
          await state.getByText(fault).waitFor({ timeout: LIMIT });
          equal(await page.locator("#viewport td.with-active").count(), 0);
          equal(await page.locator("#actives").getAttribute("aria-invalid"), "true");
        }
        await page.locator("#actives").fill("CCO\nC!C");
        await page.locator("#rank").click();
        await state
          .getByText(/Ranked 4 rows.* 1 of 2 references .* left out \(line 2: Unexpected “!”/)
          .waitFor({ timeout: LIMIT });
        equal(await page.locator("#actives").getAttribute("aria-invalid"), "false");
      }
      // A model that is loaded for it is not the engine's.
      ok((await page.locator("#engine-label").innerText()).includes("molecules/s"));
    },
  );
  await checks.check("cpu: the table is ranked by one of its own rows", async () => {
    await page.locator("#rank-by").selectOption("fingerprint");
    await page
      .locator("#viewport tbody tr", { hasText: "theobromine" })
      .getByRole("button")
      .click();
    await page.getByRole("button", { name: "Find similar" }).click();
    await page.locator("#rank-state").getByText("Ranked 4 rows").waitFor({ timeout: LIMIT });
    equal(
      await page
        .locator("#actives")
        .inputValue()
        .then((line) => line.split("\t")[1]),
      "theobromine",
    );
    ok(
      (await page.locator("#viewport tbody tr.scored").first().innerText()).includes("theobromine"),
    );
    // The references that were pasted before are not lost for it.
    await page.locator("#rank-own-back").click();
    equal(await page.locator("#actives").inputValue(), "CCO\nC!C");
    ok(await page.locator("#rank-own").isHidden());
    await page.locator("#rank").click();
    await page.locator("#rank-state").getByText("1 of 2 references").waitFor({ timeout: LIMIT });
  });
  await checks.check(
    "cpu: after s the focus stays on the row that the others are ranked by",
    async () => {
      const focused = (): Promise<(string | null | undefined)[]> =>
        page.evaluate(() => {
          const { activeElement } = document;
          return [
            activeElement?.textContent,
            activeElement?.closest("tr")?.getAttribute("aria-rowindex"),
          ];
        });
      await page.locator("#rank-clear").click();
      await page.locator("#results tbody th button[tabindex='0']").focus();
      await page.keyboard.press("Home");
      await page.keyboard.press("ArrowDown");
      deepEqual(await focused(), ["Details of row 2", "3"]);
      await page.keyboard.press("s");
      await page.locator("#rank-state").getByText("Ranked 4 rows").waitFor({ timeout: LIMIT });
      await page.waitForFunction(() => document.activeElement?.closest("tr")?.ariaRowIndex === "2");
      deepEqual(await focused(), ["Details of row 2", "2"]);
    },
  );
  await checks.check("cpu: a table that is being scored is ranked afterwards", async () => {
    const many = cycle(["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C"], 3_000);
    await openFile(page, "many.smi", many);
    await startScoring(page);
    // In one turn: by the next all may be scored.
    const [said, cancel] = await page.evaluate(() => {
      document.querySelector<HTMLElement>("#viewport tbody tr.scored th button")?.click();
      document.getElementById("details-similar")?.click();
      const hidden = document.getElementById("rank-cancel")?.hidden;
      return [document.getElementById("rank-state")?.textContent ?? "", hidden];
    });
    ok(said.includes("still being scored"), said);
    equal(cancel, true);
    await finished(page, LIMIT);
    deepEqual(await counts(page), { rows: 3_000, scored: 3_000, errors: 0 });
    const expected = page.locator("#rank-expected");
    await page.locator("#rank-by").selectOption("fused");
    ok(/takes minutes|Takes about .* for 3,000 rows/.test(await expected.innerText()));
    await page.locator("#rank-by").selectOption("fingerprint");
    ok((await expected.innerText()).startsWith("Takes "));
    await page.locator("#rank").click();
    await page.locator("#rank-state").getByText("Ranked 3,000 rows").waitFor({ timeout: LIMIT });
    equal(await expected.innerText(), "Compared before: takes seconds.");
  });
  await checks.check("cpu: what is left of a ranking is told, and it is cancelled", async () => {
    await page.locator("#rank-by").selectOption("embedding");
    await page.locator("#rank").click();
    await page
      .locator("#rank-state")
      .getByText(/^Compared [\d,]+ of 3,000 rows, .* left…/)
      .waitFor({ timeout: LIMIT });
    ok(await page.locator("#rank-expected").isHidden());
    await page.locator("#rank-cancel").click();
    await page.locator("#rank-state").getByText("Cancelled.").waitFor({ timeout: LIMIT });
  });
  await checks.check(
    "cpu: references of a row's are cleared with its table, pasted ones stay",
    async () => {
      const references = page.locator("#actives");
      ok((await references.inputValue()) !== "");
      await openFile(page, "next.smi", ["CCO a", "CCN b"]);
      equal(await references.inputValue(), "CCO\nC!C", "what a row took the place of is back");
      await references.fill("CCC mine");
      await openFile(page, "last.smi", ["CCO a", "CCN b"]);
      equal(await references.inputValue(), "CCC mine");
    },
  );
  await checkQuiet("cpu: no errors on the console while screening", visit);
  await visit.context.close();
}

/** The built page in a real headless Chromium, on both backends. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import {
  hasWebGpu,
  testBackend,
  testChoice,
  testDeviceLoss,
  testShaders,
  testWithoutWebGpu,
} from "./browser/backends.js";
import { testComparison, testDetails, testEditor } from "./browser/details.js";
import { testLateDomain, testMissingDomain } from "./browser/domain.js";
import { compareExplanations, testExplanation } from "./browser/explanation.js";
import {
  testArchives,
  testColumns,
  testLargeFile,
  testOneLine,
  testSecondFile,
} from "./browser/files.js";
import { testAccessibility, testHelp, testKeyboard } from "./browser/keyboard.js";
import { checks, dist, type Explained } from "./browser/page.js";
import { testPrint } from "./browser/print.js";
import { testPlots, testScreening, testSubstructure } from "./browser/selection.js";
import {
  testColumnMenu,
  testDrawings,
  testExport,
  testShading,
  testTable,
} from "./browser/table.js";
import { testTile } from "./browser/tile.js";
import {
  testFragmentAndWidth,
  testKeeping,
  testMeanwhile,
  testOffline,
  testTabs,
} from "./browser/visits.js";
import { testCrash, testStart } from "./browser/workers.js";
import { COMMON, findChromium, WEBGPU } from "./chromium.js";
import { serve } from "./server.js";

/** The tests whose names hold this text, by hand: `npm run test:browser -- Drawings`. */
const wanted = process.argv[3] ?? "";

async function main(): Promise<void> {
  const executable = findChromium();
  if (executable === null) return checks.skip("browser tests", "no chromium found");
  if (!existsSync(join(dist, "index.html")))
    return checks.skip("browser tests", "web/dist is not built");
  const site = await serve(dist);
  const browser = await chromium.launch({
    executablePath: executable,
    args: [...COMMON, ...WEBGPU],
  });
  const run = async (name: string, test: () => Promise<void>): Promise<void> => {
    if (!name.toLowerCase().includes(wanted.toLowerCase())) return;
    try {
      await test();
    } catch (error) {
      // A page that does not come so far ends its group, not the others.
      checks.fail(`${name} to its end`, error);
      // Nor does it go on scoring beside them.
      for (const context of browser.contexts()) await context.close();
    }
  };
  try {
    let explained: Explained[] = [];
    await run("backend cpu", () => testBackend(browser, site, "cpu"));
    await run("large file", () => testLargeFile(browser, site));
    await run("columns", () => testColumns(browser, site));
    await run("archives", () => testArchives(browser, site));
    await run("second file", () => testSecondFile(browser, site));
    await run("keyboard", () => testKeyboard(browser, site));
    await run("fragment and width", () => testFragmentAndWidth(browser, site));
    await run("crash", () => testCrash(browser, site));
    await run("start", () => testStart(browser, site));
    await run("tile", () => testTile(browser));
    await run("late domain", () => testLateDomain(browser, site));
    await run("missing domain", () => testMissingDomain(browser, site));
    await run("explanation", async () => {
      explained = await testExplanation(browser, site, "cpu");
    });
    await run("details", () => testDetails(browser, site));
    await run("drawings", () => testDrawings(browser, site));
    await run("table", () => testTable(browser, site));
    await run("export", () => testExport(browser, site));
    await run("print", () => testPrint(browser, site));
    await run("column menu", () => testColumnMenu(browser, site));
    await run("help", () => testHelp(browser, site));
    await run("substructure", () => testSubstructure(browser, site));
    await run("shading", () => testShading(browser, site));
    await run("keeping", () => testKeeping(browser, site));
    await run("tabs", () => testTabs(browser, site));
    await run("meanwhile", () => testMeanwhile(browser, site));
    await run("plots", () => testPlots(browser, site));
    await run("screening", () => testScreening(browser, site));
    await run("one line", () => testOneLine(browser, site));
    await run("comparison", () => testComparison(browser, site));
    await run("accessibility", () => testAccessibility(browser, site));
    await run("editor", () => testEditor(browser, site));
    if (await hasWebGpu(browser, site)) {
      await run("backend webgpu", () => testBackend(browser, site, "webgpu"));
      await run("explanation", async () =>
        compareExplanations(explained, await testExplanation(browser, site, "webgpu")),
      );
      await run("shaders", () => testShaders(browser, site));
      await run("device loss", () => testDeviceLoss(browser, site));
      await run("choice", () => testChoice(browser, site));
    } else checks.skip("webgpu", "this Chromium offers no WebGPU adapter");
    for (const backend of ["cpu", "webgpu"] as const)
      await run(`offline ${backend}`, () => testOffline(browser, backend));
  } finally {
    await browser.close();
  }
  await run("without webgpu", () => testWithoutWebGpu(executable, site));
  await site.close();
}

await main();
checks.finish();

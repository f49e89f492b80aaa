/** What a prediction rests on, on both backends. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Browser } from "playwright-core";
import type { Explanation } from "../../package/src/protocol.js";
import type { Served } from "../server.js";
import {
  type Backend,
  checkQuiet,
  checks,
  type Explained,
  execute,
  explanation,
  isCalibrated,
  open,
  score,
} from "./page.js";

/** Explained on both backends: heavy atoms with the salt left out, and the SMILES. */
const EXPLAINED = [
  { smiles: "CC(=O)Nc1ccc(O)cc1", atoms: 11 },
  { smiles: "CCN(CC)CC.Cl", atoms: 7 },
  { smiles: "[O-][N+](=O)c1ccccc1", atoms: 9 },
];

export async function testExplanation(
  browser: Browser,
  site: Served,
  backend: Backend,
): Promise<Explained[]> {
  const name = (text: string): string => `${backend}: ${text}`;
  // In which the command explains.
  const visit = await open(browser, `${site.url}?backend=${backend}&precision=fp32`, site);
  const { page } = visit;
  const explained: Explained[] = [];
  await checks.check(
    name("a row's details show the atoms that each prediction comes from"),
    async () => {
      await page.locator("#smiles").fill(EXPLAINED.map(({ smiles }) => smiles).join("\n"));
      await score(page);
      for (const [index, { smiles, atoms }] of EXPLAINED.entries()) {
        const found = await explanation(page, index);
        explained.push(found);
        ok(
          found.values.length > 0 && found.values.every(Number.isFinite),
          `${smiles}: ${found.values.join(", ")}`,
        );
        equal(found.contributions.length, found.values.length, `${smiles}: endpoints`);
        for (const values of found.contributions) {
          equal(values.length, atoms, `${smiles}: atoms`);
          ok(
            values.every(Number.isFinite) && values.some((value) => value !== 0),
            `${smiles}: ${values.join(", ")}`,
          );
        }
      }
      // Without its salt, and as Kekulé SMILES.
      ok(
        !explained.some(({ smiles }) => /[.a-z]/.test(smiles.replaceAll("Cl", ""))),
        explained.map(({ smiles }) => smiles).join(" "),
      );
    },
  );

  const bin = process.env.DELICATE_BIN;
  const sameName = name("an explanation is the native command's");
  if (bin === undefined || bin === "") checks.skip(sameName, "DELICATE_BIN is not set");
  else {
    await checks.check(sameName, async () => {
      for (const [index, { smiles }] of EXPLAINED.entries()) {
        const { stdout } = await execute(bin, [
          "explain",
          smiles,
          "--device",
          "cpu",
          "--format",
          "json",
        ]);
        const native = JSON.parse(stdout) as Explanation;
        const found = explained[index] as Explained;
        equal(found.smiles, native.smiles);
        near(
          found.values,
          native.predictions.map(({ value }) => value),
          1e-3,
          `${smiles}: values`,
        );
        found.contributions.forEach((values, endpoint) =>
          near(
            values,
            native.atoms.map(({ contributions }) => contributions[endpoint] ?? Number.NaN),
            1e-2,
            `${smiles}: contributions to endpoint ${endpoint + 1}`,
          ),
        );
        deepEqual(
          found.domains.map((domain) => domain?.toLowerCase() ?? null),
          native.predictions.map(({ domain }) => domain),
        );
        deepEqual(
          found.neighbours.map(({ smiles }) => smiles),
          native.predictions.map(({ nearest }) => nearest?.smiles ?? ""),
        );
      }
    });
  }

  const trusted = name("a row's details show interval, domain and nearest training molecule");
  if (await isCalibrated()) {
    await checks.check(trusted, () => {
      equal(explained.length, EXPLAINED.length);
      for (const { smiles, values, intervals, domains, neighbours } of explained) {
        deepEqual(
          [intervals.length, domains.length, neighbours.length],
          [values.length, values.length, values.length],
          smiles,
        );
        intervals.forEach((interval, endpoint) => {
          if (interval === "–") return;
          const [low, high] = (/^(\S+) to (\S+)$/.exec(interval) ?? [])
            .slice(1)
            .map((text) => Number(text.replace("\u2212", "-")));
          const value = values[endpoint] ?? Number.NaN;
          ok(
            low !== undefined && high !== undefined && low < value && value < high,
            `${smiles}: ${value} in ${interval}`,
          );
          // Both ends are rounded to two figures of the half width. What is learnt as a
          // logarithm has its interval about it there, and a percentage ends at 0 and 100.
          const log = (Math.log(low) + Math.log(high)) / 2 - Math.log(value);
          ok(
            low === 0 ||
              high === 100 ||
              Math.abs((low + high) / 2 - value) < 0.06 * (high - low) ||
              !(Math.abs(log) > 0.1 * Math.log(high / low) + 0.05),
            `${smiles}: ${value} in the middle of ${interval}`,
          );
        });
        ok(
          intervals.some((interval) => interval !== "–"),
          `${smiles} has an interval`,
        );
        ok(
          domains.every(
            (domain) => domain === null || ["In", "Borderline", "Out"].includes(domain),
          ),
          domains.join(", "),
        );
        ok(
          domains.some((domain) => domain !== null),
          `${smiles} has a domain`,
        );
        for (const { smiles: nearest, similarity } of neighbours)
          ok(nearest !== "" && similarity >= 0 && similarity <= 1, `${nearest} ${similarity}`);
      }
    });
  } else {
    checks.skip(trusted, "the model has no domain.json.gz");
    await checks.check(name("a model without intervals says so"), async () => {
      await page.locator("#results tbody th button").first().click();
      await page.locator("#details").getByText("are not available for this model").waitFor();
      await page.keyboard.press("Escape");
    });
  }
  await checkQuiet(name("no errors on the console while explaining"), visit);
  await visit.context.close();
  return explained;
}

export async function compareExplanations(cpu: Explained[], webgpu: Explained[]): Promise<void> {
  await checks.check("webgpu: explanations are the CPU's", () => {
    deepEqual([cpu.length, webgpu.length], [EXPLAINED.length, EXPLAINED.length]);
    webgpu.forEach((found, row) => {
      const expected = cpu[row] as Explained;
      const name = expected.smiles;
      deepEqual(
        [found.smiles, found.domains, found.neighbours],
        [name, expected.domains, expected.neighbours],
      );
      near(found.values, expected.values, 1e-3, `${name}: values`);
      equal(found.contributions.length, expected.contributions.length);
      found.contributions.forEach((values, endpoint) =>
        near(
          values,
          expected.contributions[endpoint] ?? [],
          1e-2,
          `${name}: contributions to endpoint ${endpoint + 1}`,
        ),
      );
    });
  });
}

/** Numbers within `allowed` of each other, or of that part of them where they are large. */
function near(actual: number[], expected: number[], allowed: number, what: string): void {
  equal(actual.length, expected.length, what);
  actual.forEach((value, index) => {
    const other = expected[index] ?? Number.NaN;
    ok(
      Math.abs(value - other) <= allowed * Math.max(1, Math.abs(other)),
      `${what}: ${value} and ${other}`,
    );
  });
}

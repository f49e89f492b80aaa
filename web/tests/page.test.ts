/** The page's logic that needs no browser. */

import { deepEqual, equal, ok } from "node:assert/strict";
import {
  bytes,
  duration,
  interval,
  parameters,
  plural,
  rate,
  score,
  signed,
} from "../page/format.js";
import * as fragment from "../page/fragment.js";
import { mark } from "../page/mark.js";
import { parse } from "../page/markdown.js";
import { Meter } from "../page/meter.js";
import type { Row } from "../page/protocol.js";
import { contributions, direction, effect, extremes, largest, pieces } from "../page/shares.js";
import { arrange, type View } from "../page/view.js";
import { Checks } from "./checks.js";

const checks = new Checks();

await checks.check("numbers read as people write them", () => {
  equal(score(-2.3456), "−2.35");
  equal(score(0), "0.00");
  equal(score(-0.001), "0.00");
  equal(score(Number.NaN), "NaN");
  equal(interval(-2.48, 0.73), "−3.21 to −1.75");
  equal(interval(0.5, 1), "−0.50 to 1.50");
  equal(signed(0.414), "+0.41");
  equal(signed(-0.414), "−0.41");
  equal(signed(0.001), "0.00");
  equal(rate(1234.4), "1,234 molecules/s");
  equal(rate(3.217), "3.2 molecules/s");
  equal(bytes(9_400_000), "9.4 MB");
  equal(bytes(512), "512 B");
  equal(parameters(9_612_345), "9.61 million");
  equal(parameters(512_000), "512,000");
  equal(plural(1, "row"), "1 row");
  equal(plural(2_000, "row"), "2,000 rows");
});

await checks.check("durations are coarse and never zero", () => {
  equal(duration(0.2), "1 s");
  equal(duration(59), "59 s");
  equal(duration(200), "3 min 20 s");
  equal(duration(240), "4 min");
  equal(duration(3_540), "59 min");
  equal(duration(7_500), "2 h 5 min");
});

await checks.check("the marked character is the one at the position", () => {
  deepEqual(mark("CC(Ci)C", 4), { before: "CC(C", mark: "i", after: ")C" });
  deepEqual(mark("CC(", 3), { before: "CC(", mark: "", after: "" });
  deepEqual(mark("C–C", 1), { before: "C", mark: "–", after: "C" });
  deepEqual(mark("C😀C", 2), { before: "C😀", mark: "C", after: "" });
});

await checks.check("a long SMILES is cut around its mark", () => {
  const smiles = `${"C".repeat(100)}?${"N".repeat(100)}`;
  const { before, mark: found, after } = mark(smiles, 100, 30);
  equal(found, "?");
  ok(before.startsWith("…") && after.endsWith("…"));
  equal(before.length + found.length + after.length, 32);
  deepEqual(mark(smiles, 0, 30).before, "");
  equal(mark(smiles, 200, 30).after, "");
});

const row = (fields: string[], value: number | null, error: string | null = null): Row => ({
  fields,
  state: error !== null ? "failed" : value === null ? "pending" : "scored",
  error: error === null ? null : { message: error, reason: error, position: null },
  scores: value === null ? null : { esol: { value, unit: "log mol/L" } },
});
const rows = [
  row(["CCO", "x10"], -1),
  row(["CC(", "x9"], null, "unclosed"),
  row(["CCN", "x2"], -3),
  row(["CCC", ""], null),
  row(["CCCl", "X1"], 2),
];
const plain: View = {
  filter: "",
  onlyErrors: false,
  sort: { key: { by: "row" }, descending: false },
};

await checks.check("rows keep the file's order until sorted", () => {
  deepEqual(arrange(rows, plain), [0, 1, 2, 3, 4]);
  deepEqual(
    arrange(rows, { ...plain, sort: { key: { by: "row" }, descending: true } }),
    [4, 3, 2, 1, 0],
  );
});

await checks.check("rows without a value come last both ways", () => {
  const key = { by: "score", name: "esol" } as const;
  deepEqual(arrange(rows, { ...plain, sort: { key, descending: false } }), [2, 0, 4, 1, 3]);
  deepEqual(arrange(rows, { ...plain, sort: { key, descending: true } }), [4, 0, 2, 1, 3]);
});

await checks.check("names sort by the numbers in them, errors first by result", () => {
  const key = { by: "field", index: 1 } as const;
  deepEqual(arrange(rows, { ...plain, sort: { key, descending: false } }), [4, 2, 1, 0, 3]);
  deepEqual(
    arrange(rows, { ...plain, sort: { key: { by: "state" }, descending: false } }),
    [1, 3, 0, 2, 4],
  );
});

await checks.check("the filter looks in fields and errors, whatever the case", () => {
  deepEqual(arrange(rows, { ...plain, filter: " x1 " }), [0, 4]);
  deepEqual(arrange(rows, { ...plain, filter: "UNCLOSED" }), [1]);
  deepEqual(arrange(rows, { ...plain, onlyErrors: true }), [1]);
  deepEqual(arrange(rows, { ...plain, onlyErrors: true, filter: "CCO" }), []);
});

await checks.check("a SMILES is cut into its atoms and what is between them", () => {
  const atom = (start: number, end: number, ...contributions: number[]) => ({
    range: { start, end },
    contributions,
  });
  const explanation = {
    smiles: "C(=O)[NH3+]",
    atoms: [atom(0, 1, 0.5, 0), atom(3, 4, -0.75, 1), atom(5, 11, 0.001, -2)],
  };
  deepEqual(pieces(explanation), [
    { text: "C", atom: 0 },
    { text: "(=", atom: null },
    { text: "O", atom: 1 },
    { text: ")", atom: null },
    { text: "[NH3+]", atom: 2 },
  ]);
  deepEqual(pieces({ smiles: "C1", atoms: [atom(0, 1)] }), [
    { text: "C", atom: 0 },
    { text: "1", atom: null },
  ]);
  const values = contributions(explanation, 0);
  deepEqual(values, [0.5, -0.75, 0.001]);
  equal(largest(values), 0.75);
  equal(largest([]), 0);
  deepEqual(extremes(values), { raises: 0, lowers: 1 });
  deepEqual(extremes([0, 0.001]), { raises: null, lowers: null });
  deepEqual(values.map(direction), ["raises", "lowers", "none"]);
  equal(effect(-0.75, "log mol/L"), "lowers it by 0.75 log mol/L");
  equal(effect(0.001, "log mol/L"), "changes nothing");
});

await checks.check("the meter forgets what is long past", () => {
  const meter = new Meter();
  equal(meter.rate, null);
  meter.add(0, 0);
  equal(meter.rate, null);
  meter.add(1, 10);
  equal(meter.rate, 10);
  equal(meter.left(50), 5);
  for (let at = 2; at <= 40; at += 1) meter.add(at, 10 + (at - 1) * 100);
  equal(meter.rate, 100);
});

await checks.check("text survives the address, and only up to a length", () => {
  const text = "CC(=O)O\tacetic acid\nC#N\t100 % +1";
  const written = fragment.write(text);
  ok(written !== null && !/[\s]/.test(written));
  equal(fragment.read(written), text);
  equal(fragment.write("C".repeat(fragment.LONGEST)), null);
  equal(fragment.write("  \n"), null);
  equal(fragment.read("#results"), null);
  equal(fragment.read("#smiles=%E0%A4%A"), null);
});

await checks.check("a model card becomes blocks, never HTML", () => {
  const card =
    "---\nlicense: mit\n---\n# Name\n\nText **bold** `code`\nmore <b>x</b>.\n\n- one\n  and on\n- [two](https://example.org)\n- [no](javascript:alert)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode |\n```\n|alone";
  const blocks = parse(card);
  deepEqual(
    blocks.map(({ kind }) => kind),
    ["heading", "paragraph", "list", "table", "code", "paragraph"],
  );
  deepEqual(blocks[1], {
    kind: "paragraph",
    text: [
      { kind: "text", text: "Text " },
      { kind: "strong", text: "bold" },
      { kind: "text", text: " " },
      { kind: "code", text: "code" },
      { kind: "text", text: " more <b>x</b>." },
    ],
  });
  deepEqual(blocks[2], {
    kind: "list",
    ordered: false,
    items: [
      [{ kind: "text", text: "one and on" }],
      [{ kind: "link", text: "two", href: "https://example.org" }],
      [{ kind: "text", text: "no" }],
    ],
  });
  deepEqual(parse(""), []);
});

checks.finish();

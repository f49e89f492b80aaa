/** The page's logic that needs no browser. */

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mock } from "node:test";
import { renderCard } from "../card.js";
import { Backend, type Launch, type Loading } from "../package/src/backend.js";
import { batches } from "../package/src/batches.js";
import { Changes } from "../package/src/changes.js";
import { canBeDrawn, symbols, turned } from "../package/src/drawing/block.js";
import { numbers as numbersOf } from "../package/src/drawing/numbers.js";
import { pictureOf } from "../package/src/drawing/picture.js";
import { Engines, type EnginesState } from "../package/src/engines.js";
import { DelicateError } from "../package/src/errors.js";
import {
  bounds,
  bytes,
  changes,
  decimals,
  difference,
  duration,
  estimate,
  interval,
  ordinal,
  type Printed,
  parameters,
  plain,
  plural,
  rate,
  score,
  sentence,
  signed,
  single,
  unit,
} from "../package/src/format.js";
import { mark } from "../package/src/mark.js";
import { percentile } from "../package/src/percentile.js";
import type {
  BackendName,
  Domain,
  Download,
  Endpoint,
  EndpointTask,
  FromWorker,
  ModelFiles,
  Piece,
  Row,
  RowState,
  Source,
  Start,
  ToWorker,
  WasmModule,
} from "../package/src/protocol.js";
import { Scorer } from "../package/src/scorer.js";
import { type Estimate, ScoreStore } from "../package/src/scores.js";
import { type Kept, Session, type Written } from "../package/src/session.js";
import { serve } from "../package/src/worker/serve.js";
import { App, type Aside, type Complaint, type Input, MOST_ASIDE } from "../page/app.js";
import {
  contributions,
  direction,
  effect,
  extremes,
  largest,
  pieces,
} from "../page/attribution.js";
import { columnWords, titles } from "../page/column-words.js";
import { ColumnFilters, typed, words } from "../page/filters.js";
import * as fragment from "../page/fragment.js";
import { foundWithRow, seenWithRow, withBlock, withRow } from "../page/joined.js";
import { Meter } from "../page/meter.js";
import { nameColumn, ownSmiles } from "../page/naming.js";
import { notHeldWords } from "../page/not-held.js";
import { heldWords } from "../page/panels/comparison.js";
import { domainWords } from "../page/panels/domain.js";
import { noteWords } from "../page/panels/editor.js";
import { waiting } from "../page/panels/engine.js";
import { thrownWords } from "../page/panels/faults.js";
import { isTable, othersWords } from "../page/panels/input.js";
import { isTooLarge } from "../page/panels/keeping.js";
import { parameterWords } from "../page/panels/model.js";
import { wordsOfOneLine } from "../page/panels/one-line.js";
import {
  cutWords,
  hiddenWords,
  precisionWords,
  renamedWords,
  scopeWords,
} from "../page/panels/results.js";
import { aboutOf, measuredWords } from "../page/panels/row-details.js";
import {
  binsOf,
  boundsOf,
  correlation,
  countsOf,
  histogramOf,
  medianOf,
  scaleOf,
} from "../page/plot.js";
import { expectedWords, rankingColumns, rankingWords, unusableWords } from "../page/ranking.js";
import { groups, ShownColumns } from "../page/shown-columns.js";
import { isRanking, type Look, type Seen } from "../page/store.js";
import { standing, standingWords, trustColumns } from "../page/trust.js";
import {
  arrange,
  type ColumnKey,
  type Content,
  DOMAINS,
  EVERYTHING,
  FieldKeys,
  numberIn,
  type Range,
  type View,
} from "../page/view.js";
import { parametersIn } from "../weights.js";
import { Checks } from "./checks.js";
import {
  INFO,
  type MadeUpRow,
  MadeUpWorker,
  madeUpEngines,
  madeUpScores,
  madeUpValue,
  turn,
} from "./workers.js";

/** An endpoint as far as its numbers are printed. */
const printed = (task: EndpointTask, mean: number, deviation: number, log = false): Printed => ({
  task,
  scaling: { mean, deviation },
  ...(log ? { transform: "log10" as const } : {}),
});
const LOG_P = printed("regression", 2.05, 1.79);
const CLEARANCE = printed("regression", 1.43, 0.67, true);
const CLASS = printed("classification", 0, 1);

const checks = new Checks();

await checks.check("a change is told beside the intervals of both values", () => {
  const estimate = (value: number, low: number, high: number): Estimate => ({
    value,
    interval: { low, high },
    domain: "in",
  });
  const one = estimate(1, 0, 2);
  equal(heldWords(one, estimate(1.5, 0.5, 2.5)), "within both intervals");
  equal(heldWords(one, estimate(1.5, 1.4, 1.6)), "within one interval");
  equal(heldWords(one, estimate(5, 4, 6)), "beyond both intervals");
  equal(heldWords(one, { ...one, value: 3, interval: null }), "beyond the one interval");
  equal(heldWords({ ...one, interval: null }, { ...one, interval: null }), "");
});

await checks.check("the sketcher says what its values are of", () => {
  const done = {
    smiles: "CC(O)F",
    left_out: ["[Na+]"],
    neutralized: 1,
    isotopes: 0,
    stereo: true,
    notes: [],
  };
  const what = "left out: [Na+]; charges removed: 1; stereo not read";
  equal(noteWords(done), `Scored as CC(O)F (${what}).`);
  equal(noteWords({ ...done, left_out: [], neutralized: 0, stereo: false }), "");
  equal(noteWords(null), "");
  const columns = { columns: ["smiles", "name"], smiles: 0, id: 1 };
  const row = { fields: [" C[C@H](O)F |r| ", "a"], error: null, standardization: null };
  const rows: Row[] = [{ ...row, state: "scored" }];
  equal(ownSmiles({ columns, rows }, 0), "C[C@H](O)F");
  equal(ownSmiles({ columns: { ...columns, smiles: null }, rows }, 0), null);
});

await checks.check("an endpoint's data are told apart from what its value is", () => {
  deepEqual(aboutOf("Solubility in water. Data: AqSolDB (CC0); ESOL."), {
    meaning: "Solubility in water.",
    data: "AqSolDB (CC0); ESOL.",
  });
  deepEqual(aboutOf("Solubility in water."), { meaning: "Solubility in water.", data: "" });
});

await checks.check("numbers read as people write them", () => {
  equal(score(-2.3456), "−2.35");
  equal(score(0), "0.00");
  equal(score(-0.001), "0.00");
  equal(score(Number.NaN), "NaN");
  equal(interval({ low: -3.21, high: -1.75 }), "−3.21 to −1.75");
  equal(interval({ low: -0.5, high: 1.5 }), "−0.50 to 1.50");
  equal(signed(0.414), "+0.41");
  equal(signed(-0.414), "−0.41");
  equal(signed(0.001), "0.00");
  // As whoever reads 71 and 73, or 0.04 and 0.06, subtracts them.
  const percent = printed("regression", 50, 34);
  deepEqual(difference(71.4, 72.91, percent), { change: 2, text: "+2" });
  deepEqual(difference(0.0449, 0.0551, LOG_P), { change: 0.02, text: "+0.02" });
  deepEqual(difference(0.0551, 0.0449, LOG_P), { change: -0.02, text: "−0.02" });
  deepEqual(difference(0.0449, 0.0401, LOG_P), { change: 0, text: "0.00" });
  equal(unit("1e-6 cm/s"), "10⁻⁶ cm/s");
  equal(unit("µL/min/10^6 cells"), "µL/min/10⁶ cells");
  equal(unit("log mol/L"), "log mol/L");
  equal(rate(1234.4), "1,234 molecules/s");
  equal(rate(3.217), "3.2 molecules/s");
  equal(bytes(9_400_000), "9.4 MB");
  equal(bytes(512), "512 B");
  equal(parameters(9_612_345), "9.61 million");
  equal(parameters(512_000), "512,000");
  equal(plural(1, "row"), "1 row");
  equal(plural(2_000, "row"), "2,000 rows");
  equal(sentence("no column `a b`, but `c`"), "No column “a b”, but “c”.");
  equal(sentence("Is it there?"), "Is it there?");
});

await checks.check("what was done to a molecule is told part by part", () => {
  const plain = { smiles: "CCN", left_out: [], neutralized: 0, isotopes: 0, notes: [] };
  deepEqual(changes(plain), []);
  deepEqual(
    changes({ ...plain, left_out: ["Cl", "O"], neutralized: 1, isotopes: 2, notes: ["read so"] }),
    ["left out: Cl, O", "charges removed: 1", "isotopes dropped: 2", "read so"],
  );
  deepEqual(changes({ ...plain, stereo: true }), ["stereo not read"]);
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
  standardization: null,
});
const contentOf = (rows: Row[], values: (number | null)[]): Content => {
  const scores = new ScoreStore(rows.length);
  scores.set(0, rows.length, madeUpScores(values.map((value) => value ?? Number.NaN)));
  return { rows, scores, similarities: null, counted: [0] };
};
const rows = [
  row(["CCO", "x10", "-3"], -1),
  row(["CC(", "x9", ">10"], null, "unclosed"),
  row(["CCN", "x2", "1.10"], -3),
  row(["CCC", "", "1e-3"], null),
  row(["CCCl", "X1", "n/a"], 2),
];
const content = contentOf(rows, [-1, null, -3, null, 2]);
const keys = new FieldKeys(rows);
const order = (view: Partial<View>): number[] => arrange(content, { ...EVERYTHING, ...view }, keys);

await checks.check("rows keep the file's order until sorted", () => {
  deepEqual(order({}), [0, 1, 2, 3, 4]);
  deepEqual(order({ sort: { key: { by: "row" }, descending: true } }), [4, 3, 2, 1, 0]);
});

await checks.check("rows without a value come last both ways", () => {
  const key = { by: "score", endpoint: 0 } as const;
  deepEqual(order({ sort: { key, descending: false } }), [2, 0, 4, 1, 3]);
  deepEqual(order({ sort: { key, descending: true } }), [4, 0, 2, 1, 3]);
});

await checks.check("names sort by the numbers in them, errors first by result", () => {
  const key = { by: "field", index: 1 } as const;
  deepEqual(order({ sort: { key, descending: false } }), [4, 2, 1, 0, 3]);
  deepEqual(order({ sort: { key: { by: "state" }, descending: false } }), [1, 3, 0, 2, 4]);
});

await checks.check("a column of numbers sorts as numbers, bounds among them, the rest last", () => {
  const key = { by: "field", index: 2 } as const;
  ok(keys.isNumeric(2) && !keys.isNumeric(1) && !keys.isNumeric(0));
  deepEqual(order({ sort: { key, descending: false } }), [0, 3, 2, 1, 4]);
  deepEqual(order({ sort: { key, descending: true } }), [1, 2, 3, 0, 4]);
  equal(numberIn("≥ 1,250.5"), 1250.5);
  equal(numberIn("5,49"), Number.NaN, "no 549");
  for (const [text, number] of [
    ["5,49", 5.49],
    ["<0,125", 0.125],
    ["1,250", 1.25],
    ["-1.250,5", -1250.5],
    ["1,5E-3", 0.0015],
    ["7", 7],
    ["1,250,000", 1_250_000],
  ] as const)
    equal(numberIn(text, "decimals"), number, text);
  const columnOf = (...texts: string[]): number[] =>
    Array.from(new FieldKeys(texts.map((text) => ({ fields: [text] }) as Row)).numbers(0));
  deepEqual(columnOf("1,250", "12", "3,000"), [1250, 12, 3000]);
  deepEqual(columnOf("1,250", "12", "3,5", "n/a"), [1.25, 12, 3.5, Number.NaN]);
  equal(numberIn("\u22122.5E+02"), -250);
  for (const text of ["CMP-1", "", "1e999", "<-1e400", "Infinity", "1,5e999"])
    deepEqual(numberIn(text), Number.NaN, text);
});

await checks.check("the filter looks in fields and errors, whatever the case", () => {
  deepEqual(order({ filter: " x1 " }), [0, 4]);
  deepEqual(order({ filter: "UNCLOSED" }), [1]);
  deepEqual(order({ onlyErrors: true }), [1]);
  deepEqual(order({ onlyErrors: true, filter: "CCO" }), []);
  deepEqual(order({ among: new Set([4, 0]) }), [0, 4]);
  // A substructure: the third is not known.
  const found = Uint8Array.from([1, 0, 2, 0, 1]);
  deepEqual(order({ sought: { rows: found, has: true } }), [0, 4]);
  deepEqual(order({ sought: { rows: found, has: false } }), [1, 3]);
});

await checks.check(
  "filters by number let through what lies within, and by domain what is known",
  () => {
    const key = { by: "score", endpoint: 0 } as const;
    const range = (low: number | null, high: number | null): Partial<View> => ({
      filters: [{ key, low, high, domains: DOMAINS }],
    });
    deepEqual(order(range(-1, null)), [0, 4]);
    deepEqual(order(range(-3, -1)), [0, 2]);
    deepEqual(order(range(null, null)), [0, 1, 2, 3, 4]);
    const scores = madeUpScores([1, 2, 3, 4]);
    scores.domains.set([1, 2, 3, 0]);
    const known = rows.slice(0, 4);
    const store = new ScoreStore(4);
    store.set(0, 4, scores);
    const within = (...domains: Domain[]): number[] =>
      arrange(
        { rows: known, scores: store, similarities: null, counted: [0] },
        { ...EVERYTHING, filters: [{ key, low: null, high: null, domains }] },
        new FieldKeys(known),
      );
    deepEqual(within("borderline", "in"), [1, 2]);
    deepEqual(within("in"), [2]);
    deepEqual(within("out"), [0]);
    // The last is of no known domain.
    deepEqual(within(...DOMAINS), [0, 1, 2, 3]);
    deepEqual(within(), []);
  },
);

await checks.check("filters by text look in their own column, and all hold together", () => {
  const contains = (index: number, text: string) =>
    ({ key: { by: "field", index }, contains: text }) as const;
  deepEqual(order({ filters: [contains(1, " X1 ")] }), [0, 4]);
  deepEqual(order({ filters: [contains(0, "x1")] }), []);
  deepEqual(order({ filters: [contains(1, "x"), contains(0, "cco")] }), [0]);
  const range = { key: { by: "field", index: 2 }, low: 0, high: 5, domains: DOMAINS } as const;
  deepEqual(order({ filters: [range] }), [2, 3]);
  deepEqual(order({ filters: [range, contains(1, "x2")] }), [2]);
});

await checks.check("a column has one filter, and one that asks nothing is none", () => {
  const filters = new ColumnFilters();
  let told = 0;
  filters.changed.on(() => {
    told += 1;
  });
  const key = { by: "score", endpoint: 1 } as const;
  const name = { by: "field", index: 0 } as const;
  const range: Range = { key, low: 1, high: null, domains: DOMAINS };
  filters.set({ ...range, low: null });
  deepEqual([filters.all, told], [[], 0], "nothing to tell of");
  filters.set(range);
  filters.set({ key: name, contains: "cpd" });
  filters.set({ ...range, high: 2 });
  deepEqual(filters.all, [
    { ...range, high: 2 },
    { key: name, contains: "cpd" },
  ]);
  equal(filters.of({ by: "score", endpoint: 2 }), null);
  filters.set({ key: name, contains: "  " });
  deepEqual(filters.all, [{ ...range, high: 2 }]);
  filters.set({ ...range, low: null, domains: ["in"] });
  equal(filters.all.length, 1);
  filters.remove(name);
  filters.remove(key);
  filters.clear();
  deepEqual([filters.all, told], [[], 6]);
});

await checks.check(
  "a filter is said in words, and its bounds are read as people write them",
  () => {
    const key = { by: "score", endpoint: 0 } as const;
    const said = (low: number | null, high: number | null, ...domains: Domain[]): string =>
      words({ key, low, high, domains });
    equal(said(-1.5, 2, ...DOMAINS), "−1.5 to 2");
    equal(said(3, null, "borderline", "in"), "at least 3, in domain or borderline");
    equal(said(null, 0, "out"), "at most 0, outside the domain");
    equal(said(null, null), "no domain");
    equal(words({ key: { by: "field", index: 0 }, contains: " cpd " }), "contains “cpd”");
    deepEqual(["", "  ", "−1.5", "+.5", "1e3", "1e308"].map(typed), [
      null,
      null,
      -1.5,
      0.5,
      1000,
      1e308,
    ]);
    for (const text of ["1,5", "x", "1e999", "-1e999", "Infinity", "0x10", "NaN", "1e"])
      deepEqual(typed(text), Number.NaN, text);
  },
);

await checks.check("columns are named and ordered by what they hold", () => {
  const header = { columns: ["smiles", "name", "IC50"], smiles: 0, id: 1 };
  const endpoint = { title: "hERG", unit: "pIC50", description: "Inhibition." } as Endpoint;
  const of = (key: ColumnKey) => columnWords(key, [endpoint], header, (field) => field !== 1);
  deepEqual(of({ by: "score", endpoint: 0 }), {
    title: "hERG",
    unit: "pIC50",
    about: "Inhibition.",
    holds: "numbers",
    orders: ["Lowest first", "Highest first"],
  });
  deepEqual(
    ([0, 1, 2] as const).map((index) => of({ by: "field", index }).holds),
    // SMILES that look like numbers are text all the same.
    ["text", "text", "numbers"],
  );
  deepEqual(of({ by: "field", index: 1 }).orders, ["A to Z", "Z to A"]);
  deepEqual([of({ by: "structure" }).orders, of({ by: "state" }).holds], [null, "neither"]);
});

await checks.check("scores of pieces become one table, neighbours by one list", () => {
  const store = new ScoreStore(4);
  const piece = (values: number[], molecules: string[], nearest: number[]) => ({
    ...madeUpScores(values),
    molecules,
    nearest: Uint32Array.from(nearest),
  });
  store.set(2, 2, piece([3, 4], ["CCO", "CCN"], [2, 1]));
  store.set(0, 2, piece([1, 2], ["CCN"], [1, 0]));
  deepEqual(
    [0, 1, 2, 3].map((at) => store.value(at, 0)),
    [1, 2, 3, 4],
  );
  const { molecules, nearest } = store.pick([0, 1, 2, 3]);
  deepEqual(
    [...nearest].map((number) => molecules[number - 1] ?? null),
    ["CCN", null, "CCN", "CCO"],
  );
  equal(store.estimate(0, 0)?.interval, null);
});

await checks.check("scores come back from a store as they were given, packed in between", () => {
  // More rows than lie together, and more similarities than two bytes tell apart.
  const [rows, endpoints] = [9_000, 9];
  const length = rows * endpoints;
  const given = {
    values: Float32Array.from({ length }, (_, at) => at / 7),
    low: Float32Array.from({ length }, (_, at) => (at % endpoints < 2 ? at / 9 : Number.NaN)),
    high: Float32Array.from({ length }, (_, at) => (at % endpoints < 2 ? at / 5 : Number.NaN)),
    domains: Uint8Array.from({ length }, (_, at) => at % 5),
    nearest: Uint32Array.from({ length }, (_, at) => at % 3),
    similarities: Float64Array.from({ length }, (_, at) => at / length),
    measured: Float32Array.from({ length }, (_, at) => (at % 3 === 1 ? at % 5 : Number.NaN)),
    molecules: ["CCO", "CCN"],
  };
  const slices = (from: number, to: number) => {
    const part = <T extends { slice(start: number, end: number): T }>(all: T): T =>
      all.slice(from * endpoints, to * endpoints);
    const { values, low, high, domains, nearest, similarities, measured, molecules } = given;
    return {
      values: part(values),
      low: part(low),
      high: part(high),
      domains: part(domains),
      nearest: part(nearest),
      similarities: part(similarities),
      measured: part(measured),
      molecules,
    };
  };
  const store = new ScoreStore(rows);
  for (const [from, to] of [
    [4_000, 9_000],
    [0, 4_000],
  ] as const)
    store.set(from, to - from, slices(from, to));
  const all = Array.from({ length: rows }, (_, row) => row);
  for (const one of [store, ScoreStore.from(structuredClone(store.packed))]) {
    const { molecules, nearest, ...columns } = one.pick(all);
    const { molecules: givenMolecules, nearest: givenNearest, ...givenColumns } = given;
    // What was measured belongs to a neighbour.
    deepEqual(columns, givenColumns);
    deepEqual(
      Array.from(nearest, (number) => molecules[number - 1]),
      Array.from(givenNearest, (number) => givenMolecules[number - 1]),
    );
    const [row, endpoint] = [8_765, 1];
    const at = row * endpoints + endpoint;
    equal(one.value(row, endpoint), given.values[at]);
    // 4 is out as 1 is, but for another reason.
    deepEqual([0, 1, 2, 3, 4].map((offset) => one.domain(5, offset)).sort(), [
      "borderline",
      "in",
      null,
      "out",
      "out",
    ]);
    deepEqual([0, 1, 2, 3, 4].filter((offset) => one.isUndefined(5, offset)).length, 1);
    deepEqual(one.estimate(row, endpoint)?.interval, { low: given.low[at], high: given.high[at] });
    equal(one.similarity(row, endpoint), given.similarities[at]);
  }
});

await checks.check("percentiles are those of the engine", () => {
  const quantiles = Array.from({ length: 101 }, (_, at) =>
    at < 40 ? at / 10 : Math.max(6, at / 10),
  );
  equal(percentile(quantiles, -1), 0);
  equal(percentile(quantiles, 0.25), 2.5);
  // The middle of those that are the same.
  equal(percentile(quantiles, 6), 50);
  equal(percentile(quantiles, 10), 100);
  equal(percentile(quantiles, 11), 100);
  equal(percentile(quantiles, Number.NaN), null);
  equal(percentile([], 1), null);
  equal(percentile(undefined, 1), null);
  deepEqual(
    [1, 2, 3, 11, 12, 22, 100, 0].map(ordinal),
    "1st 2nd 3rd 11th 12th 22nd 100th 0th".split(" "),
  );
});

await checks.check("a number for programs is the shortest of its single precision", () => {
  deepEqual(
    [0.891501665115356, 0.1, 3, -1.5, 16_777_216, 1.1754943508222875e-38].map((value) =>
      single(Math.fround(value)),
    ),
    ["0.89150167", "0.1", "3", "-1.5", "16777216", "1.1754944e-38"],
  );
  for (let at = 1; at < 1000; at += 1) {
    const value = Math.fround(Math.sin(at) * 10 ** (at % 9));
    equal(Math.fround(Number(single(value))), value);
  }
  equal(single(Number.NaN), "");
});

await checks.check("all values of an endpoint have the same decimals", () => {
  // Whatever their intervals are, as that of nicotine's log P, which is wide.
  for (const [value, text] of [
    [1.0134, "1.01"],
    [-0.412, "−0.41"],
    [-0.001, "0.00"],
    [3, "3.00"],
  ] as const)
    equal(estimate(value, LOG_P), text);
  equal(bounds({ low: -2.31, high: 4.4 }, LOG_P), "−2.31 to 4.40");
  // As many as the errors warrant, which are as large as the values are spread.
  deepEqual(
    [0.02, 0.6, 1.8, 3.2, 34, 0].map((deviation) => decimals(printed("regression", 0, deviation))),
    [4, 2, 2, 1, 0, 2],
  );
  deepEqual(
    [-1.2, 0.03, 1.43, 2.26].map((mean) => decimals(printed("regression", mean, 0.65, true))),
    [3, 2, 1, 0],
  );
  // What is more than nothing does not read as nothing.
  equal(estimate(0.0164, CLEARANCE), "<0.1");
  equal(bounds({ low: 0.02, high: 388 }, CLEARANCE), "<0.1 to 388.0");
  equal(estimate(0.0012, CLASS), "<0.01");
  equal(estimate(0, CLASS), "0.00");
  equal(estimate(0.5, CLASS), "0.50");
  equal(plain(0.0012), "0.0012");
  equal(plain(-12.346), "−12.35");
});

const BLOCK = [
  "",
  "  delicate",
  "",
  "  3  2  0  0  0  0  0  0  0  0999 V2000",
  "    0.0000    0.0000    0.0000 C   0  0",
  "    0.0000    1.5000    0.0000 C   0  0",
  "    0.0000    3.0000    0.0000 O   0  0",
  "  1  2  1  0",
  "  2  3  1  0",
  "M  END",
].join("\n");

await checks.check("what the drawing library would misread is not drawn", () => {
  ok(canBeDrawn(BLOCK));
  deepEqual(symbols(BLOCK), ["C", "C", "O"]);
  ok(!canBeDrawn(BLOCK.replace(" O  ", " *  ")), "any atom");
  for (const kind of [4, 8, 9]) ok(!canBeDrawn(BLOCK.replace("  1  2  1", `  1  2  ${kind}`)));
  ok(!canBeDrawn(BLOCK.replace("V2000", "V3000")), "too many atoms");
  ok(!canBeDrawn(""), "no block");
});

await checks.check("a tall molecule is turned to lie in a wide box, one that fits is left", () => {
  const lying = turned(BLOCK, 200, 100).split("\n").slice(4, 7);
  const height = lying.map((line) => Math.abs(Number(line.slice(10, 20))));
  ok(Math.max(...height) < 1.6, lying.join("|"));
  equal(turned(BLOCK, 100, 200), BLOCK);
});

await checks.check("an atom's number can be read, and lies on nothing that is drawn", () => {
  const drawn = (bonds: string) => ({
    atoms: [
      { x: 0, y: 0 },
      { x: 24, y: 0 },
      { x: 200, y: 0 },
    ],
    lines: [{ colour: "", width: 1, path: bonds }],
    areas: [],
    labels: [],
  });
  const marks = [0.3, 1, 0.5].map((strength, atom) => ({
    atom,
    strength,
    direction: "raises" as const,
    text: "+0.12",
  }));
  const placed = (seen: number, bonds = "M0 0L24 0") => numbersOf(drawn(bonds), marks, seen);
  // The strongest first, each below its atom.
  deepEqual(
    placed(2).map(({ x, size }) => [Math.round(x), size]),
    [
      [24, 6.5],
      [200, 6.5],
      [0, 6.5],
    ],
  );
  ok(placed(2).every(({ y }) => y > 5));
  equal(placed(0.9)[0]?.size, 10);
  equal(placed(0.1)[0]?.size, 11);
  // Where a bond or a wedge goes down, it stands above.
  ok((placed(2, "M24 0L24 30M0 0L0 30")[0]?.y ?? 0) < -5);
  for (const seen of [0.5, 0.9, 2]) {
    const all = placed(seen);
    all.forEach((one, at) => {
      for (const other of all.slice(at + 1))
        ok(
          Math.abs(one.x - other.x) >= 0.6 * 5 * one.size - 1e-6 ||
            Math.abs(one.y - other.y) >= one.size - 1e-6,
          "numbers do not overlap",
        );
    });
  }
});

await checks.check("an SVG of the drawing library becomes shapes with its atoms' places", () => {
  const made = pictureOf(`<svg id="m" viewBox="0 0 9 9">
  <text x="10" y="20" stroke="none" font-size="14" fill="rgb(255,13,13)">O</text>
  <line x1="0" y1="0" x2="8" y2="8" stroke="rgb(0,0,0)" stroke-width="1.44" />
  <line x1="8" y1="8" x2="9" y2="9" stroke="rgb(0,0,0)" stroke-width="1.44" />
  <polygon points="1,2 3,4 5,6 " fill="rgb(0,0,0)" stroke="rgb(0,0,0)" stroke-width="1" />
  <circle id="m:Atom:1" class="event" cx="10" cy="18" r="8" opacity="0" />
</svg>`);
  equal(made?.lines.length, 1);
  equal(made?.lines[0]?.path, "M0 0L8 8M8 8L9 9");
  equal(made?.areas[0]?.path, "M1 2L3 4L5 6Z");
  equal(made?.labels[0]?.text, "O");
  deepEqual(made?.atoms[1], { x: 10, y: 18 });
  equal(pictureOf("<svg></svg>"), null);
});

await checks.check(
  "plots have round ticks around all numbers, and bins that hold each once",
  () => {
    deepEqual(scaleOf([-1.3, Number.NaN, 4.2]), {
      low: -2,
      high: 5,
      ticks: [-2, -1, 0, 1, 2, 3, 4, 5],
    });
    deepEqual(scaleOf([Number.NaN]), null);
    const one = scaleOf([3, 3]);
    ok(one !== null && one.low < 3 && one.high > 3);
    const scale = { low: 0, high: 4, ticks: [] };
    deepEqual([...binsOf([0, 0.99, 1, 4, Number.NaN], scale, 4)], [0, 0, 1, 3, -1]);
    ok(Math.abs(correlation([1, 2, 3, Number.NaN], [2, 4, 6, 1]) - 1) < 1e-12);
  },
);

await checks.check(
  "names are found by their column's name, or else by being unlike each other",
  () => {
    const named = (columns: string[], id: number | null, ...fields: string[][]): number | null => {
      const rows = fields.map((one) => row(one, 1));
      return nameColumn({ columns, smiles: 0, id }, rows, new FieldKeys(rows));
    };
    const columns = ["smiles", "series", "code", "IC50"];
    const fields = ["a", "b", "c"].map((code, at) => ["CCO", "x", `CPD-${code}`, `${at}`]);
    equal(named(columns, 1, ...fields), 1);
    equal(named(columns, null, ...fields), 2, "a series is no name");
    equal(named(["smiles", "IC50"], null, ["CCO", "1"], ["CCN", "2"]), null);
    equal(named(["smiles", "note"], null, ["CCO", "a"], ["CCN", ""], ["CCC", ""]), null);
  },
);

await checks.check("a histogram has a count a bin, and the bounds of any of its bins", () => {
  const histogram = histogramOf([0, 1, 1, Number.NaN, 10], 5);
  ok(histogram !== null);
  deepEqual(histogram.counts, [3, 0, 0, 0, 1]);
  deepEqual([...histogram.bins], [0, 0, 0, -1, 4]);
  deepEqual(countsOf([0, 4, -1], 5), [1, 0, 0, 0, 1]);
  equal(histogramOf([Number.NaN], 5), null);
  const bounds = (first: number, last: number) => boundsOf(histogram.scale, 5, first, last);
  deepEqual(bounds(1, 2), { low: 2, high: 6 });
  // Beyond the ends there is nothing to keep out.
  deepEqual(bounds(0, 2), { low: null, high: 6 });
  deepEqual(bounds(0, 4), { low: null, high: null });
  equal(boundsOf({ low: 0, high: 1, ticks: [] }, 3, 1, 1).low, 0.333333);
  equal(medianOf(Float64Array.of(5, Number.NaN, 1, 3)), 3);
  ok(Number.isNaN(medianOf(Float64Array.of(Number.NaN))));
});

const endpoint = (name: string, group?: string): Endpoint =>
  ({ name, title: name, ...(group === undefined ? {} : { group }) }) as unknown as Endpoint;

await checks.check("a few endpoints are all shown, of many the first of each group", () => {
  const few = new ShownColumns();
  few.use(
    "few",
    ["a", "b", "c"].map((name) => endpoint(name)),
  );
  deepEqual(few.endpoints, [0, 1, 2]);
  const many = Array.from({ length: 61 }, (_, place) =>
    endpoint(`e${place}`, `group ${place % 7}`),
  );
  deepEqual(
    groups(many).map(({ endpoints }) => endpoints.length),
    [9, 9, 9, 9, 9, 8, 8],
  );
  const shown = new ShownColumns();
  shown.use("many", many);
  equal(shown.endpoints.length, 14);
  deepEqual(shown.endpoints.slice(0, 4), [0, 7, 1, 8]);
  shown.showEndpoints([14, 21], true);
  deepEqual(shown.endpoints.slice(0, 5), [0, 7, 14, 21, 1]);
});

await checks.check("of many endpoints those that chemists ask for first are shown", () => {
  const first = ["log_s", "log_d", "caco2_papp", "bbb", "hlm_clint", "herg_pic50", "ames"];
  const rest = Array.from({ length: 20 }, (_, place) => `e${place}`);
  const shown = new ShownColumns();
  const names = [...rest, ...first];
  shown.use(
    "usual",
    names.map((name) => endpoint(name, "toxicity")),
  );
  deepEqual(
    shown.endpoints.map((place) => names[place]),
    first,
  );
  deepEqual(
    groups([endpoint("ames", "toxicity"), endpoint("e")]).map(({ name }) => name),
    ["Toxicity", ""],
  );
});

await checks.check("it is said why rows could not be compared, each in its number", () => {
  const rows = (...states: Row["state"][]) => states.map((state) => ({ state }));
  const left = Int32Array.of(0, -1, -1, -1);
  const mixed = rows("scored", "scored", "scored", "failed");
  equal(
    rankingWords(mixed, { nearest: left }, "fused"),
    "Ranked 1 row, most similar first. 3 rows could not be compared: 2 are too large for an embedding (ECFP4 compares larger ones), 1 has an error.",
  );
  equal(
    rankingWords(rows("scored", "failed", "failed"), { nearest: left }, "weighted"),
    "Ranked 1 row, most similar first. 2 rows could not be compared: 2 have errors.",
  );
  equal(
    rankingWords(rows("scored", "pending"), { nearest: left }, "embedding"),
    "Ranked 1 row, most similar first. 1 row could not be compared: 1 is too large for an embedding (ECFP4 compares larger ones) or has an error.",
  );
  equal(
    rankingWords(rows("scored", "scored"), { nearest: Int32Array.of(0, 1) }, "fused"),
    "Ranked 2 rows, most similar first.",
  );
});

await checks.check("it is said how long a ranking will take, and which errors it has not", () => {
  equal(
    expectedWords("fused", 9_983, 42, false),
    "Takes about 4 min for 9,983 rows on this device; ECFP4 takes seconds.",
  );
  ok(expectedWords("embedding", 9_983, null, false).includes("minutes"));
  equal(expectedWords("fingerprint", 9_983, null, false), "Takes seconds.");
  equal(expectedWords("fused", 9_983, 42, true), "Compared before: takes seconds.");
  equal(
    rankingWords(
      [{ state: "scored" }, { state: "failed" }, { state: "failed" }],
      { nearest: Int32Array.of(0, 0, -1) },
      "fingerprint",
    ),
    "Ranked 2 rows, most similar first. 1 row could not be compared: 1 has an error (1 more has an error and was compared all the same).",
  );
});

await checks.check("a reference that cannot be used is named with its own fault", () => {
  const error = (message: string, position: number | null = null) => ({
    message,
    reason: "x",
    position,
  });
  const bracket = error("unclosed `(` at position 3", 3);
  equal(unusableWords("CCO\nCCN", 2, []), "");
  equal(
    unusableWords("bad(", 1, [{ row: 0, error: bracket }]),
    "The reference cannot be used, so nothing was ranked (line 1: Unclosed “(” at position 4).",
  );
  equal(
    unusableWords("CCO\n\n# mine\nbad(", 2, [{ row: 1, error: bracket }]),
    "1 of 2 references could not be used and was left out (line 4: Unclosed “(” at position 4).",
  );
  const four = [0, 1, 2, 3].map((row) => ({ row, error: row === 0 ? null : error("no atoms") }));
  equal(
    unusableWords("a\nb\nc\nd", 4, four),
    "None of the 4 references can be used, so nothing was ranked (line 1: Too large to be compared; line 2: No atoms; line 3: No atoms; and 1 more).",
  );
  // A header of what was copied from a table, and a text with other lines.
  ok(unusableWords("smiles\nbad(\nCCO", 2, four.slice(1, 2)).includes("line 3"));
  ok(unusableWords("a\nb\nc\nd\ne", 2, four.slice(1, 2)).includes("reference 2"));
});

await checks.check("an export has how similar each row is, and to which reference", () => {
  const ranking = {
    similarities: Float64Array.of(0.51234, Number.NaN, 1),
    nearest: Int32Array.of(1, -1, 0),
  };
  deepEqual(
    rankingColumns(ranking, (reference) => ["aspirin", "caffeine"][reference] ?? ""),
    [
      { name: "similarity_to_reference", values: ["0.5123", "", "1.0000"] },
      { name: "nearest_reference", values: ["caffeine", "", "aspirin"] },
    ],
  );
});

await checks.check("of several files it is said which were not opened", () => {
  equal(othersWords("a.smi", []), "");
  equal(
    othersWords("a.smi", ["b.csv"]),
    "Only one file is opened at a time, here a.smi. Not opened: b.csv.",
  );
  ok(othersWords("a", ["b", "c", "d", "e", "f"]).endsWith("Not opened: b, c, d and 2 more."));
});

await checks.check("it is said that selected rows are hidden, and what becomes of them", () => {
  equal(hiddenWords(0, 20, "selected"), "");
  equal(
    hiddenWords(12, 20, "selected"),
    "12 of 20 selected rows are hidden by a filter; they are exported as well.",
  );
  equal(
    hiddenWords(1, 20, "selected-shown"),
    "1 of 20 selected rows is hidden by a filter; it is not exported.",
  );
  equal(
    hiddenWords(1, 1, "selected"),
    "The selected row is hidden by a filter; it is exported as well.",
  );
  equal(hiddenWords(3, 3, "all"), "All 3 selected rows are hidden by a filter.");
});

await checks.check("an export says which rows it has", () => {
  equal(scopeWords("all", 20), "all 20 rows");
  equal(scopeWords("shown", 1_200), "the 1,200 rows shown");
  equal(scopeWords("selected", 1), "the 1 selected row");
  equal(scopeWords("selected-shown", 2), "the 2 selected rows shown");
});

await checks.check("a row says how many of its values are in domain, and is sorted by it", () => {
  const store = new ScoreStore(3);
  const scores = madeUpScores([1, 2, 3, 1, 2, 3, 1, 2, 3]);
  // Of the first endpoint the first row has no domain, and the last row has none at all.
  scores.domains.set([0, 3, 1, 3, 3, 2, 0, 0, 0]);
  store.set(0, 3, scores);
  deepEqual(standing(store, 0, [0, 1, 2]), { in: 1, borderline: 0, out: 1, of: 2 });
  deepEqual(standing(store, 1, [0, 1]), { in: 2, borderline: 0, out: 0, of: 2 });
  equal(standing(store, 2, [0, 1, 2]), null);
  const found = { in: 9, borderline: 2, out: 1, of: 12 };
  equal(standingWords(found), "9 of 12 values in the model’s domain, 2 borderline, 1 outside");
  deepEqual(trustColumns(store, [0, 1, 2]), [
    { name: "shown_in_domain", values: ["1", "2", ""] },
    { name: "shown_endpoints", values: ["2", "3", ""] },
  ]);
  const three = [0, 1, 2].map(() => row(["CCO"], 1));
  const content = { rows: three, scores: store, similarities: null, counted: [0, 1, 2] };
  const key = { by: "domain" } as const;
  const shown = (view: Partial<View>): number[] =>
    arrange(content, { ...EVERYTHING, ...view }, new FieldKeys(three));
  deepEqual(shown({ sort: { key, descending: true } }), [1, 0, 2]);
  deepEqual(shown({ filters: [{ key, low: 2, high: null, domains: DOMAINS }] }), [1]);
});

await checks.check("a ranking is restored where it is one that this version keeps", () => {
  const ranking = {
    references: "CCO",
    fromRow: false,
    by: "fused",
    similarities: Float64Array.of(1, Number.NaN),
    nearest: Int32Array.of(0, -1),
    said: "Ranked 1 row.",
  };
  ok(isRanking(ranking));
  for (const other of [
    undefined,
    null,
    { ...ranking, nearest: Int32Array.of(0) },
    { ...ranking, similarities: [1, 2] },
    { ...ranking, by: 1 },
  ])
    ok(!isRanking(other));
});

await checks.check("what is missing of a table, or not kept of it, is said", () => {
  equal(domainWords(null, 0), "");
  equal(
    domainWords({ message: "domain.bin could not be fetched: the server answered 404" }, 3),
    "The values themselves are not affected. Intervals, domains and nearest training molecules are missing: domain.bin could not be fetched: the server answered 404.",
  );
  ok(domainWords(null, 1).startsWith("1 row was scored without intervals"));
  ok(isTooLarge(50_000_000, 10) && isTooLarge(10, 7_000_000) && !isTooLarge(1_000_000, 1_000_000));
});

await checks.check("what was measured of a class is a word", () => {
  equal(measuredWords(0, { ...CLASS, unit: "" }), "negative");
  equal(measuredWords(1, { ...CLASS, unit: "" }), "positive");
  equal(measuredWords(0.5, { ...CLASS, unit: "" }), "0.50");
  equal(measuredWords(0, { ...LOG_P, unit: "log mol/L" }), "0.00 log mol/L");
});

await checks.check("parameters are counted in the weights, the encoder's among them", () => {
  const header = {
    __metadata__: { format: "pt" },
    "a.weight": { dtype: "I8", shape: [3, 4], data_offsets: [0, 12] },
    "a.weight.scale": { dtype: "F32", shape: [3], data_offsets: [12, 24] },
    "b.scale": { dtype: "F32", shape: [], data_offsets: [24, 28] },
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + 28);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  equal(parametersIn(file), 13);
  equal(parameterWords(2_296_637, 933_120), "2.3 million, of which the encoder 0.93 million");
  equal(parameterWords(8_304_384, 8_304_384), "8.3 million");
  equal(parameterWords(13, null), "13");
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
  deepEqual(fragment.read(written), { text });
  equal(fragment.write("C".repeat(fragment.LONGEST)), null);
  equal(fragment.write("  \n"), null);
  for (const none of ["", "#"]) equal(fragment.read(none), null);
});

await checks.check("an address that is no link says so, and is not shown at length", () => {
  const fault = (address: string): string => {
    const found = fragment.read(address);
    return found !== null && "fault" in found ? found.fault : "";
  };
  ok(fault("#results").startsWith("The address ends in “#results”, which is no link to molecules"));
  ok(fault("#smiles=%E0%A4%A").includes("cut or damaged on its way, so nothing was opened"));
  ok(fault("#smiles=").includes("a link without molecules"));
  ok(fault(`#${"x".repeat(5_000)}`).length < 300);
});

await checks.check("a model card becomes HTML of text, tables and links, and no other", () => {
  const card = `---
license: mit
---
# Name

Text **bold** \`code\` <b onclick="x()">raw</b> & more.

- one
- [two](https://example.org/?a=1&b=2)
- [no](javascript:alert(1)) ![shown](https://example.org/x.png)

<script>alert(1)</script>

| a | b |
|---|---|
| 1 | 2 |

    <i>kept</i>
`;
  const html = renderCard(card);
  ok(html.startsWith("<h3>Name</h3>"), html);
  ok(!html.includes("license"), "the front matter is no text");
  ok(html.includes("<strong>bold</strong> <code>code</code>"), html);
  ok(html.includes('<a href="https://example.org/?a=1&amp;b=2" target="_blank"'), html);
  ok(html.includes('<th scope="col">a</th>') && html.includes("<td>1</td>"), html);
  ok(html.includes("&lt;i&gt;kept&lt;/i&gt;"), html);
  for (const tag of ["<script", "<b ", "<i>", "<img", "javascript:", 'onclick="x()"']) {
    ok(!html.includes(tag), `${tag} in ${html}`);
  }
  equal(renderCard(""), "");
});

const text = (smiles: string, rows: number): Input => {
  const whole = `${smiles}\n`.repeat(rows);
  return { source: { name: "pasted.txt", bytes: new TextEncoder().encode(whole) }, text: whole };
};
const file = (name: string, smiles: string, rows: number): Input => ({
  source: { ...text(smiles, rows).source, name },
  text: null,
});
/** Every row of the open table is this SMILES, with its value if it has one. */
const holdsOnly = (app: App, smiles: string, rows: number): void => {
  equal(app.session?.rows.length, rows);
  app.session?.rows.forEach(({ fields, state }, index) => {
    equal(fields[0], smiles);
    if (state === "scored") equal(app.session?.scores.value(index, 0), madeUpValue(smiles));
  });
};

/** A file read as JSON. */
const parsed = async (file: Blob | undefined): Promise<unknown[]> =>
  JSON.parse((await file?.text()) ?? "") as unknown[];

await checks.check(
  "a file opened while another list is being read has its own values alone",
  async () => {
    // However far the first one has come by then.
    for (let turns = 0; turns < 12; turns += 1) {
      const engines = madeUpEngines();
      const app = new App(engines);
      const pasted = app.score(text("CSC1=NC(=O)N", 9_000));
      for (let waited = 0; waited < turns; waited += 1) await turn();
      const second = file("ethanol.smi", "CCO", 3_000);
      await app.open(second);
      await pasted;
      holdsOnly(app, "CCO", 3_000);
      equal(app.session?.counts.scored, 0, "nothing is scored that was not asked for");
      await app.score(second);
      holdsOnly(app, "CCO", 3_000);
      equal(app.session?.counts.scored, 3_000);
      const exported = await app.export("json");
      equal(exported?.name, "ethanol-scores.json");
      equal((await parsed(exported?.file)).length, 3_000);
      // Of a file in two parts, what neither could hold.
      deepEqual(exported?.notHeld, {
        renamed: [["a<b", "a(b)"]],
        openStereo: 3_000,
        firstOpen: 0,
        others: ["what else"],
      });
      await turn();
      equal(engines.current.tables.size, 1, "the worker keeps no table that is given up");
    }
  },
);

await checks.check(
  "of two files the later one is shown, and none that was removed meanwhile",
  async () => {
    const app = new App(madeUpEngines());
    const both = [app.open(file("a.smi", "CCN", 5_000)), app.open(file("b.smi", "CCCC", 10))];
    equal(app.session, null, "the first table does not stand under the second one's name");
    const [first, second] = await Promise.all(both);
    equal(first, null);
    equal(second, app.session);
    holdsOnly(app, "CCCC", 10);
    const third = app.open(file("c.smi", "C", 5_000));
    await turn();
    app.forget();
    equal(await third, null);
    equal(app.session, null);
    equal(app.phase, "idle");
  },
);

await checks.check(
  "Score pressed while its file is being read scores it once it is open",
  async () => {
    const engines = madeUpEngines();
    const app = new App(engines);
    const given = file("a.smi", "CCN", 5_000);
    const opening = app.open(given);
    await app.score(given);
    equal(app.session, await opening);
    equal(app.session?.counts.scored, 5_000);
    equal(engines.current.tables.size, 1);
  },
);

await checks.check("a worker that takes over gets the table with its results", async () => {
  const engines = madeUpEngines();
  const app = new App(engines);
  const given = file("a.smi", "CCN", 2_500);
  await app.score(given);
  engines.current.dead = true;
  engines.current = new MadeUpWorker();
  const exported = await app.export("json");
  const rows = (await parsed(exported?.file)) as MadeUpRow[];
  equal(rows.length, 2_500);
  ok(rows.every(({ value }) => value === madeUpValue("CCN")));
});

await checks.check("it is said how often molecules were not scored as they were drawn", () => {
  const changes = new Changes();
  equal(changes.summary(), "");
  const plain = { smiles: "C", left_out: [], neutralized: 0, isotopes: 0, notes: [] };
  for (const one of [
    plain,
    { ...plain, left_out: ["Cl"], neutralized: 1 },
    { ...plain, left_out: ["O"], notes: ["a doubled backslash read as one"] },
    { ...plain, stereo: true },
  ])
    changes.count(one, 1);
  changes.count(null, 1);
  equal(
    changes.summary(),
    "2 molecules were scored without salts or solvents; 1 in neutral form; 1 without stereo, which the model does not read. A compound has one value that way, however it is drawn. In 1 row: a doubled backslash read as one.",
  );
  changes.count({ ...plain, stereo: true }, -1);
  ok(!changes.summary().includes("stereo"));
});

/** What comes of a promise while the mocked time passes, `step` milliseconds a turn. */
async function ticking<T>(promise: Promise<T>, step: number): Promise<T> {
  let over = false;
  const end = (): void => {
    over = true;
  };
  promise.then(end, end);
  while (!over) {
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(step);
  }
  return promise;
}

/** Nobody gives up. */
const unhurried = new AbortController().signal;

await checks.check("values are to be seen before the domain has come", async () => {
  const engines = madeUpEngines();
  engines.current.withoutDomain = true;
  const session = await Session.open(engines, file("a.smi", "CCN", 100).source, unhurried);
  const seen: number[] = [];
  const onRows = (): void => {
    const { pending, scored } = session.counts;
    seen.push(scored);
    if (scored === 0) equal(pending, 100, "what is seen early is not scored");
    equal(session.scores.value(0, 0), 3);
  };
  equal(await session.score({ onRows, onProgress: () => undefined }), "finished");
  ok(seen.length > 1 && seen[0] === 0, "the first are seen, and scored afterwards");
  deepEqual(session.counts, { pending: 0, scored: 100, failed: 0 });
  equal(engines.current.scored, 100);
});

await checks.check(
  "an export waits for rows that are to be seen early, and says what is left",
  async () => {
    const engines = madeUpEngines();
    engines.current.withoutDomain = true;
    const session = await Session.open(engines, file("a.smi", "CCN", 3).source, unhurried);
    let exported: Promise<Written> | null = null;
    const onRows = (): void => {
      exported ??= session.export("json");
    };
    equal(await session.score({ onRows, onProgress: () => undefined }), "finished");
    const rows = (await parsed((await (exported as Promise<Written> | null))?.file)) as MadeUpRow[];
    deepEqual(
      rows.map(({ state }) => state),
      ["scored", "scored", "scored"],
    );

    const app = new App(madeUpEngines());
    const said: string[] = [];
    app.changed.status.on((text) => said.push(text));
    await app.open(file("a.smi", "CCN", 3));
    await app.export("csv");
    ok(said.at(-1)?.startsWith("Exported 3 rows as CSV, 3 of them not scored yet: "), said.at(-1));
  },
);

await checks.check("values that were seen early do not come back as those of the row", async () => {
  const engines = madeUpEngines();
  engines.current.withoutDomain = true;
  const given = file("a.smi", "CCN", 10).source;
  const session = await Session.open(engines, given, unhurried);
  let kept: Kept | null = null;
  const onRows = (): void => {
    if (session.counts.scored === 0) kept ??= structuredClone(session.found);
  };
  await session.score({ onRows, onProgress: () => undefined });
  equal(session.scores.value(0, 0), 3);
  const again = await Session.open(madeUpEngines(), given, unhurried, kept);
  deepEqual(again.counts, { pending: 10, scored: 0, failed: 0 });
  equal(again.scores.endpoints, 1, "they were kept");
  ok(Number.isNaN(again.scores.value(0, 0)));
});

await checks.check("an export is of one moment, however long it takes", async () => {
  const app = new App(madeUpEngines());
  const given = file("a.smi", "CCN", 9_000);
  const session = await app.open(given);
  const said: string[] = [];
  app.changed.status.on((text) => said.push(text));
  const scoring = app.score(given);
  while ((session?.counts.scored ?? 0) === 0) await turn();
  const { pending } = session?.counts ?? { pending: 0 };
  ok(pending > 0);
  let asked = 0;
  const exporting = app.export("json", null, () => {
    asked += 1;
    // A file of an earlier export has such a column already.
    const values = session?.rows.map(({ state }) => state) ?? [];
    return [
      { name: "state_shown", values },
      { name: "smiles", values },
    ];
  });
  equal(await app.export("csv"), null, "one file at a time");
  ok(said.at(-1)?.startsWith("Another file is being written"), said.at(-1));
  const exported = await exporting;
  const rows = (await parsed(exported?.file)) as (MadeUpRow & Record<string, string>)[];
  equal(asked, 1);
  equal(exported?.unscored, pending);
  equal(rows.filter(({ state }) => state === "pending").length, pending);
  ok(rows.every((row) => row.state === row.state_shown && row.state === row.delicate_smiles));
  await scoring;
  equal(session?.counts.pending, 0);
});

await checks.check("engines that gave up are started again when something is asked", async () => {
  const engines = madeUpEngines();
  let starts = 0;
  engines.start = async () => {
    starts += 1;
    engines.state.broken = false;
    engines.current = new MadeUpWorker();
  };
  engines.replace = (_, error) => {
    engines.state.broken = true;
    throw error;
  };
  const complaints: (Complaint | null)[] = [];
  const app = new App(engines);
  app.changed.complaint.on((complaint) => complaints.push(complaint));
  const given = file("a.smi", "CCN", 10);
  engines.current.dead = true;
  engines.current.call = () =>
    Promise.reject(new DelicateError({ code: "download", message: "it could not be fetched" }));
  equal(await app.open(given), null);
  const complaint = complaints.at(-1);
  equal(complaint?.text, "a.smi could not be opened: it could not be fetched.");
  equal(complaint?.action?.label, "Try again");
  equal(starts, 0);
  await app.score(given);
  equal(starts, 1);
  equal(app.session?.counts.scored, 10);
  equal(complaints.at(-1), null);
});

await checks.check("values that were seen early and not scored are taken back", async () => {
  const engines = madeUpEngines();
  engines.current.withoutDomain = true;
  const session = await Session.open(engines, file("a.smi", "CCN", 100).source, unhurried);
  const onRows = (): void => session.cancel();
  equal(await session.score({ onRows, onProgress: () => undefined }), "cancelled");
  const { pending } = session.counts;
  ok(pending > 0);
  for (const [row, { state }] of session.rows.entries())
    equal(Number.isNaN(session.scores.value(row, 0)), state === "pending");
  equal(await session.score({ onRows: () => undefined, onProgress: () => undefined }), "finished");
  deepEqual(session.counts, { pending: 0, scored: 100, failed: 0 });
});

await checks.check(
  "values stay where the domain cannot be had, and are completed once it can",
  async () => {
    const engines = madeUpEngines();
    const missing = { code: "download", message: "it answered 404", columns: null };
    engines.state.domainMissing = missing;
    const app = new App(engines);
    const given = file("a.smi", "CCN", 100);
    await app.score(given);
    const { session } = app;
    ok(session !== null);
    deepEqual(session.counts, { pending: 0, scored: 100, failed: 0 });
    deepEqual([session.unassessed, engines.current.scored], [100, 100]);
    const said: string[] = [];
    app.changed.status.on((text) => said.push(text));
    await app.score(given);
    deepEqual(said, ["Every row has already been scored."], "nothing can be added to them");
    // What is kept of it knows.
    const { found } = session;
    const kept = await Session.open(engines, session.source, unhurried, found);
    equal(kept.unassessed, 100);
    const done: number[] = [];
    app.changed.progress.on((rows) => done.push(rows));
    await app.loadDomain(() => undefined);
    deepEqual([done[0], done.at(-1)], [0, 100], "of the rows that are completed");
    deepEqual(
      done,
      done.toSorted((a, b) => a - b),
    );
    deepEqual([session.unassessed, engines.current.scored], [0, 200]);
    equal(session.scores.value(0, 0), madeUpValue("CCN"));
    // One that comes while others are scored is used for the rows before.
    const again = madeUpEngines();
    again.state.domainMissing = missing;
    const other = await Session.open(again, given.source, unhurried);
    const onRows = (): void => {
      again.state.domainMissing = null;
    };
    equal(await other.score({ onRows, onProgress: () => undefined }), "finished");
    equal(other.unassessed, 0);
  },
);

await checks.check(
  "a file that cannot be opened leaves the table before, under its own name",
  async () => {
    const app = new App(refusing());
    const said: string[] = [];
    app.changed.status.on((text) => said.push(text));
    const complaints: (Complaint | null)[] = [];
    app.changed.complaint.on((one) => complaints.push(one));
    const good = file("good.smi", "CCN", 10);
    await app.score(good);
    equal(await app.open(file("bad.smi", "?", 1)), null);
    equal(complaints.at(-1)?.text, "bad.smi could not be opened: it is “broken”.");
    equal(said.at(-1), "", "nothing is said of the table before beside it");
    equal(app.input, good);
    holdsOnly(app, "CCN", 10);
    equal(app.session?.counts.scored, 10);
    deepEqual(app.asides, [], "it is open, and not put aside");
  },
);

/** Engines that cannot open files whose names say that they are bad. */
function refusing(engines = madeUpEngines()): ReturnType<typeof madeUpEngines> {
  const { call } = engines.current;
  engines.current.call = (name, args) => {
    if (name === "open" && "name" in (args ?? {}) && (args as Source).name.startsWith("bad"))
      return Promise.reject(new DelicateError({ code: "read", message: "it is `broken`" }));
    return call.call(engines.current, name, args) as never;
  };
  return engines;
}

await checks.check(
  "scores that were put aside are not lost where another cannot be opened",
  async () => {
    const app = new App(refusing());
    const first = file("first.smi", "CCN", 10);
    await app.score(first);
    const second = file("second.smi", "CCO", 20);
    await app.score(second);
    const aside = (): [Input, number][] => app.asides.map(({ input, scored }) => [input, scored]);
    const back = async (): Promise<void> => app.bringBack(app.asides[0] as Aside);
    deepEqual(aside(), [[first, 10]]);
    // Neither the other nor what was open before can be opened: that is aside.
    second.source.name = "bad now.smi";
    equal(await app.open(file("bad.smi", "?", 1)), null);
    const both = [
      [second, 20],
      [first, 10],
    ];
    deepEqual([app.session, aside()], [null, both]);
    // It cannot be brought back, and stays aside until it can.
    await back();
    deepEqual([app.session, aside()], [null, both]);
    second.source.name = "second.smi";
    await back();
    deepEqual([app.input, app.session?.counts.scored, aside()], [second, 20, [[first, 10]]]);
    // While it is opened again, another is.
    const third = file("third.smi", "CCC", 5);
    app.changed.complaint.on((told) => {
      if (told !== null) void turn().then(() => app.open(third));
    });
    equal(await app.open(file("bad.smi", "?", 1)), null);
    while (app.input !== third) await turn();
    deepEqual(aside(), both);
  },
);

await checks.check(
  "scored tables are put aside until there is no room, which is told",
  async () => {
    const app = new App(madeUpEngines());
    const gone: string[] = [];
    app.changed.letGo.on(({ input }) => gone.push(input.source.name));
    const names = (): string[] => app.asides.map(({ input }) => input.source.name);
    const tables = Array.from({ length: MOST_ASIDE + 1 }, (_, at) => file(`${at}.smi`, "CCN", 5));
    for (const one of tables) await app.score(one);
    deepEqual(
      names(),
      tables
        .slice(0, -1)
        .map(({ source }) => source.name)
        .reverse(),
    );
    // What is brought back takes no room.
    await app.bringBack(app.asides.at(-1) as Aside);
    deepEqual([names().length, app.input, gone], [MOST_ASIDE, tables[0], []]);
    // Read once more, the same file is not aside twice.
    await app.score(file("5.smi", "CCN", 5));
    deepEqual(gone, ["1.smi"], "the oldest is told");
    await app.score(file("last.smi", "CCN", 5));
    equal(names().filter((name) => name === "5.smi").length, 1);
    deepEqual([names().length, gone], [MOST_ASIDE, ["1.smi"]]);
  },
);

await checks.check("a table is brought back as it was looked at", async () => {
  const app = new App(madeUpEngines());
  const look: Look = {
    sort: { key: { by: "score", endpoint: 0 }, descending: true },
    filter: "mol",
    onlyErrors: false,
    filters: [],
    substructure: null,
    selected: new Set([2]),
  };
  let seen: Seen | null = { look, ranking: null };
  const shown: [Input | null, Seen][] = [];
  app.views = {
    seen: () => seen,
    async show(_, seen) {
      shown.push([app.input, seen]);
    },
  };
  const [first, second] = [file("first.smi", "CCN", 5), file("second.smi", "CCO", 5)];
  await app.score(first);
  const asIt = seen;
  await app.score(second);
  seen = null;
  await app.bringBack(app.asides[0] as Aside);
  deepEqual(shown, [[first, asIt]]);
});

await checks.check("a file that ends within its last record is said to be cut off", () => {
  const row = (reason: string | null): Pick<Row, "error"> => ({
    error: reason === null ? null : { message: "it is wrong", reason, position: null },
  });
  equal(cutWords([]), "");
  equal(cutWords([row("truncated_record"), row(null)]), "", "that is one record of several");
  ok(/looks cut off.* row 2,/.test(cutWords([row(null), row("truncated_record")])));
});

await checks.check("columns of an earlier export are counted", () => {
  const endpoints = [{ name: "logD" }, { name: "solubility" }];
  equal(renamedWords(["smiles", "name", "logDose"], endpoints), "");
  ok(renamedWords(["smiles", "logD"], endpoints).startsWith("1 column of predictions is in"));
  const columns = ["smiles", "logD", "logD_low", "logD_high", "solubility", "error"];
  ok(renamedWords(columns, endpoints).startsWith("4 columns of predictions are in the file"));
});

await checks.check("a table with another row keeps its scores", async () => {
  const engines = madeUpEngines();
  const nothing = { onRows: () => undefined, onProgress: () => undefined };
  // Of two blocks, the second to grow; and of one that is full, so that there is another.
  for (const rows of [5_000, 4_096]) {
    const before = await Session.open(engines, file("a.smi", "CCN", rows).source, unhurried);
    await before.score(nothing);
    const kept = { ...before.found, added: 1 };
    const longer = file("a.smi", "CCN", rows + 1).source;
    const after = await Session.open(engines, longer, unhurried, kept);
    deepEqual([after.counts.scored, after.counts.pending], [rows, 1]);
    for (const row of [0, 4_095, rows - 1])
      deepEqual(after.scores.estimate(row, 0), before.scores.estimate(row, 0));
    ok(Number.isNaN(after.scores.value(rows, 0)));
    equal(await after.score(nothing), "finished");
    deepEqual([after.counts.scored, Number.isNaN(after.scores.value(rows, 0))], [rows + 1, false]);
  }
});

await checks.check("a table with another row is written as it was read", () => {
  const columns = { columns: ["name", "smiles", "#"], smiles: 1, id: 0 };
  const row = (fields: string[]) => ({ fields }) as Row;
  const rows = [row(["a, b", "CCO", "#1"]), row(['say "c"', "CCN"])];
  const source = { name: "set.smi.gz", bytes: new Uint8Array() };
  const added = { smiles: "CCC", name: "d", note: "drawn", block: null, replaces: null };
  const joined = withRow({ source, columns, rows }, added);
  const lines = new TextDecoder().decode(joined.bytes).split("\n");
  deepEqual(lines, [
    '"name","smiles","#","added"',
    '"a, b","CCO","#1",""',
    '"say ""c""","CCN","",""',
    '"d","CCC","","drawn"',
    "",
  ]);
  deepEqual([joined.name, joined.smilesColumn, joined.idColumn], ["set.csv", 1, 0]);
  const twice = { columns: ["smiles", "smiles"], smiles: 1, id: null };
  const again = withRow({ source, columns: twice, rows }, added);
  deepEqual([again.smilesColumn, again.idColumn], [1, undefined]);
  // In the place of another it keeps what else that row has.
  const note = "corrected, was CCO";
  const corrected = withRow({ source, columns, rows }, { ...added, note, replaces: 0 });
  deepEqual(new TextDecoder().decode(corrected.bytes).split("\n"), [
    '"name","smiles","#","added"',
    '"a, b","CCC","#1","corrected, was CCO"',
    '"say ""c""","CCN","",""',
    "",
  ]);
});

await checks.check("what was found of a row that is corrected is known no longer", () => {
  const row = (state: RowState) => ({ state, error: null, standardization: null });
  const found = {
    results: [row("scored"), row("failed"), row("scored")],
    scores: new ScoreStore(3).packed,
    precisions: new Uint8Array(3),
    unassessed: new Uint8Array(3),
  };
  const states = (kept: Kept): string[] => kept.results.map(({ state }) => state);
  deepEqual(states(foundWithRow(found, 1)), ["scored", "pending", "scored"]);
  equal(foundWithRow(found, 1).added, undefined);
  deepEqual(states(foundWithRow(found, null)), ["scored", "failed", "scored"]);
  equal(foundWithRow(found, null).added, 1);
  const seen = {
    look: {
      sort: EVERYTHING.sort,
      filter: "",
      onlyErrors: false,
      selected: new Set([1]),
      filters: [],
      substructure: { smarts: "C", has: true, rows: Uint8Array.of(1, 0, 1) },
    },
    ranking: {
      references: "C",
      fromRow: false,
      by: "fingerprint",
      similarities: Float64Array.of(0.5, 0.25, 1),
      nearest: Int32Array.of(0, 0, 0),
      said: "",
      replaced: "",
    },
  };
  const after = seenWithRow(seen, 1);
  deepEqual(after.look.substructure?.rows, Uint8Array.of(1, 2, 1));
  deepEqual(after.ranking?.similarities, Float64Array.of(0.5, Number.NaN, 1));
  deepEqual(seenWithRow(seen, null).ranking?.nearest, Int32Array.of(0, 0, 0, -1));
});

await checks.check("mol blocks with another are an SDF of the same columns", () => {
  const columns = { columns: ["name", "x", "y"], smiles: null, id: 0 };
  const row = (fields: string[]) => ({ fields }) as Row;
  const rows = [row(["first", "", "two\nlines"]), row(["cut", "1", ""])];
  const source = { name: "set.sdf.gz", bytes: new Uint8Array() };
  const block = "old\n  sketch\n\n  1  0  0 V2000\nC\nM  END\n";
  const added = { smiles: "C", name: "second,\nedited", note: "drawn", block, replaces: null };
  const given = [{ molBlock: "first\n\n\n  1  0  0 V2000\nN\nM  END\n" }, null];
  const joined = withBlock({ source, columns, rows }, given, added);
  const records = new TextDecoder().decode(joined.bytes).split("$$$$\n");
  deepEqual(records, [
    "first\n\n\n  1  0  0 V2000\nN\nM  END\n>  <x>\n\n>  <y>\ntwo\nlines\n\n>  <added>\n\n",
    "cut\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n>  <x>\n1\n\n",
    "second, edited\n  sketch\n\n  1  0  0 V2000\nC\nM  END\n>  <added>\ndrawn\n\n",
    "",
  ]);
  deepEqual([joined.name, joined.smilesColumn, joined.idColumn], ["set.sdf", undefined, undefined]);
});

await checks.check("columns of one name have titles of their own", () => {
  const columns = ["id", "activity", "activity", "", "activity (2)", " activity ", ""];
  deepEqual(titles(columns), [
    "id",
    "activity",
    "activity (3)",
    "Column 4",
    "activity (2)",
    "activity (4)",
    "Column 7",
  ]);
  equal(titles(columns), titles(columns), "made once");
});

await checks.check(
  "a line is added to a list of SMILES alone, not to a table or mol blocks",
  () => {
    for (const text of [
      "CCO ethanol",
      "# mine, all\nCCO 2,2-dimethyl\n",
      "C[N;+]C\ta",
      "SMILES\tname\nCCO\ta",
      "CC |^1:0,3| b",
      "",
    ])
      ok(!isTable(text), text);
    for (const text of [
      "smiles,activity\nCCO,1",
      "name\tSMILES\na\tCCO",
      "CCO\ta\t1",
      '"smiles";"name"',
      "\n  x\n\n  0  0\nM  END",
    ])
      ok(isTable(text), text);
  },
);

await checks.check("what a file could not hold is said", () => {
  const nothing = { renamed: [], openStereo: 0, firstOpen: null, others: [] };
  equal(notHeldWords(nothing), "");
  ok(
    notHeldWords({ ...nothing, openStereo: 1, firstOpen: 2 }).startsWith("1 molecule, row 3, has"),
  );
  ok(
    notHeldWords({ ...nothing, openStereo: 2_000, firstOpen: 0 }).startsWith(
      "2,000 molecules (the first is row 1) have stereo",
    ),
  );
  const renamed: [string, string][] = Array.from({ length: 10 }, (_, at) => [`a<${at}`, `a(${at}`]);
  const words = notHeldWords({ ...nothing, renamed, others: ["what else"] });
  ok(words.includes("“a<0” is called “a(0”") && words.includes("“a<7”"), words);
  ok(words.endsWith("and 2 more. What else."), words);
});

await checks.check("what is cleared is aside for this visit, unless it is to be gone", async () => {
  const app = new App(madeUpEngines());
  await app.score(file("first.smi", "CCN", 5));
  await app.score(file("second.smi", "CCO", 5));
  app.forget();
  deepEqual(
    app.asides.map(({ input, cleared }) => [input.source.name, cleared]),
    [
      ["second.smi", true],
      ["first.smi", false],
    ],
  );
  await app.score(file("third.smi", "CCO", 5));
  app.forget({ undo: false });
  equal(app.asides.length, 2, "those that were aside stay");
});

await checks.check("scores kept by a version that knew less of a table are shown", async () => {
  const engines = madeUpEngines();
  const session = await Session.open(engines, file("a.smi", "CCN", 3).source, unhurried);
  await session.score({ onRows: () => undefined, onProgress: () => undefined });
  const { results, scores } = session.found;
  const kept = await Session.open(engines, session.source, unhurried, { results, scores });
  deepEqual([kept.counts.scored, kept.unassessed, kept.precision(0)], [3, 0, null]);
  equal(kept.scores.value(2, 0), madeUpValue("CCN"));
});

await checks.check("what others cancel on a worker leaves no row unscored", async () => {
  const engines = madeUpEngines();
  const worker = engines.current;
  const { call } = worker;
  let cut = 0;
  worker.call = async (name, args) => {
    const answer = await call.call(worker, name, args);
    if (name !== "score" || cut > 2) return answer as never;
    cut += 1;
    // As where a ranking was cancelled before the engine was loaded, and after the first rows.
    if (cut === 1) throw new DelicateError({ code: "cancelled", message: "it was cancelled" });
    const { results, scores } = answer as Piece;
    const left = results.map((result, row) =>
      row < 5 ? result : { ...result, state: "pending" as const },
    );
    return { results: left, scores } as never;
  };
  const session = await Session.open(engines, file("a.smi", "CCN", 100).source, unhurried);
  const watch = { onRows: () => undefined, onProgress: () => undefined };
  equal(await session.score(watch), "finished");
  deepEqual(session.counts, { pending: 0, scored: 100, failed: 0 });
  deepEqual([cut, engines.current === worker], [3, true]);
});

await checks.check("a ranking goes on where something else was cancelled", async () => {
  const engines = madeUpEngines();
  const worker = engines.current;
  const { call } = worker;
  let asked = 0;
  worker.call = async (name, args) => {
    if (name === "rank") asked += 1;
    if (name === "rank" && asked < 3)
      throw new DelicateError({ code: "cancelled", message: "it was cancelled" });
    return call.call(worker, name, args) as never;
  };
  const [table, actives] = await Promise.all([
    Session.open(engines, file("a.smi", "CCN", 10).source, unhurried),
    Session.open(engines, file("b.smi", "CC", 1).source, unhurried),
  ]);
  const ranking = await table.rank(actives, "fingerprint", unhurried, () => undefined);
  deepEqual([asked, ranking.similarities.length], [3, 10]);
  // Cancelled itself, it ends.
  asked = 0;
  const gone = AbortSignal.abort();
  await rejects(
    table.rank(actives, "fingerprint", gone, () => undefined),
    ({ code }) => code === "cancelled",
  );
  equal(asked, 0);
});

await checks.check("cancelling ends though the worker answers nothing", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const engines = madeUpEngines();
    const [hanging] = [engines.current];
    const opened = Session.open(engines, file("a.smi", "CCN", 100).source, unhurried);
    const session = await ticking(opened, 1);
    hanging.hangs = true;
    const run = session.score({ onRows: () => undefined, onProgress: () => undefined });
    await ticking(Promise.resolve(), 1);
    session.cancel();
    equal(await ticking(run, 500), "cancelled");
    ok(hanging.dead && engines.current !== hanging, "another has taken its place");
    equal(
      await ticking(session.score({ onRows: () => undefined, onProgress: () => undefined }), 1),
      "finished",
    );
    equal(session.counts.scored, 100);
  } finally {
    mock.timers.reset();
  }
});

await checks.check("a worker that says nothing for long has failed", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const ended: string[] = [];
    let tell: (message: FromWorker) => void = () => undefined;
    const launch: Launch = (name, on) => {
      tell = on.message;
      return { postMessage: () => undefined, terminate: () => ended.push(name) };
    };
    const start = { module: null, moduleBytes: 0, precision: null, embedding: null };
    const backend = new Backend("cpu", launch, { ...start, model: {} as ModelFiles }, {});
    tell({ type: "ready", info: INFO });
    // Nothing is asked of it, and it has nothing to say.
    mock.timers.tick(60 * 60_000);
    equal(backend.dead, false);
    const call = backend.call("probe", null);
    mock.timers.tick(4 * 60_000);
    // A batch is done: it has its time again.
    tell({ type: "scoring", id: 0, done: 32 });
    mock.timers.tick(4 * 60_000);
    equal(backend.dead, false);
    mock.timers.tick(60_000);
    equal(backend.dead, true);
    await rejects(call, /said nothing for 300 s/);
    deepEqual(ended, ["cpu"]);
    // Of a batch it is known that it does not take so long.
    const other = new Backend("cpu", launch, { ...start, model: {} as ModelFiles }, {});
    tell({ type: "ready", info: INFO });
    const scoring = other.call("scoreMolecules", { molecules: [] });
    mock.timers.tick(90_000);
    await rejects(scoring, /said nothing for 90 s/);
    // Whatever else is asked of it meanwhile.
    const third = new Backend("cpu", launch, { ...start, model: {} as ModelFiles }, {});
    tell({ type: "ready", info: INFO });
    const asked = [third.call("scoreMolecules", { molecules: [] })];
    for (let waited = 0; waited < 90_000; waited += 10_000) {
      equal(third.dead, false);
      asked.push(third.call("scoreMolecules", { molecules: [] }));
      void third.call("depict", { smiles: "C" }).catch(() => undefined);
      void third.call("explain", { table: 0, row: 0 }).catch(() => undefined);
      third.cancel();
      mock.timers.tick(10_000);
    }
    equal(third.dead, true);
    for (const one of asked) await rejects(one, /said nothing for 90 s/);
    // What takes longer has longer, though rows wait behind it.
    const fourth = new Backend("cpu", launch, { ...start, model: {} as ModelFiles }, {});
    tell({ type: "ready", info: INFO });
    void fourth.call("explain", { table: 0, row: 0 }).catch(() => undefined);
    void fourth.call("scoreMolecules", { molecules: [] }).catch(() => undefined);
    mock.timers.tick(299_000);
    equal(fourth.dead, false);
    mock.timers.tick(1_000);
    equal(fourth.dead, true);
  } finally {
    mock.timers.reset();
  }
});

await checks.check("a computer that slept gives its workers time to wake", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    const launch: Launch = () => ({ postMessage: () => undefined, terminate: () => undefined });
    const start = { module: null, moduleBytes: 0, precision: null, embedding: null };
    const backend = new Backend("cpu", launch, { ...start, model: {} as ModelFiles }, {});
    mock.timers.tick(299_000);
    // The clock goes on, and no timer.
    mock.timers.setTime(Date.now() + 8 * 60 * 60_000);
    mock.timers.tick(1_000);
    equal(backend.dead, false, "it slept as well");
    mock.timers.tick(299_000);
    equal(backend.dead, false);
    mock.timers.tick(1_000);
    equal(backend.dead, true, "it has had its time since");

    // Stopped for less than timers of pages out of sight may be late.
    const other = new Backend("cpu", launch, { ...start, model: {} as ModelFiles }, {});
    mock.timers.tick(299_000);
    mock.timers.setTime(Date.now() + 30_000);
    mock.timers.tick(1_000);
    equal(other.dead, false, "it may have been stopped as well");
    mock.timers.tick(9_000);
    equal(other.dead, false);
    mock.timers.tick(1_000);
    equal(other.dead, true);
  } finally {
    mock.timers.reset();
  }
});

await checks.check("several workers score one table, and each row once", async () => {
  const engines = madeUpEngines();
  const helpers = [new MadeUpWorker(), new MadeUpWorker()];
  engines.helpers = helpers;
  const app = new App(engines);
  await app.score(file("a.smi", "CCN", 4_500));
  equal(app.session?.counts.scored, 4_500);
  for (const worker of [engines.current, ...helpers]) ok(worker.scored > 0);
  equal(
    [engines.current, ...helpers].reduce((sum, { scored }) => sum + scored, 0),
    4_500,
    "no row is scored twice",
  );
  const rows = (await parsed((await app.export("json"))?.file)) as MadeUpRow[];
  ok(rows.every(({ value }) => value === madeUpValue("CCN")));
});

await checks.check("a worker that fails beside others loses no row", async () => {
  const engines = madeUpEngines();
  const helper = new MadeUpWorker();
  engines.helpers = [helper];
  helper.failsAfter = 2;
  const app = new App(engines);
  await app.score(file("a.smi", "CCN", 4_500));
  equal(app.session?.counts.scored, 4_500);
  deepEqual(engines.helpers, [], "it is asked no more");
});

await checks.check("one that is still loading keeps no run from its end", async () => {
  for (const place of [0, 1]) {
    const engines = madeUpEngines();
    engines.helpers = [new MadeUpWorker()];
    const slow = [engines.current, ...engines.helpers][place];
    slow?.neverReady();
    const app = new App(engines);
    await app.score(file("a.smi", "CCN", 500));
    equal(app.session?.counts.scored, 500);
    equal(slow?.scored, 0);
  }
});

/** Engines whose workers answer with made-up values, and which of them were started and ended. */
function tried(values: Record<BackendName, number[]>) {
  const log: string[] = [];
  const thread: Launch = (name, on) => ({
    postMessage(message) {
      const answer = (given: FromWorker): void => queueMicrotask(() => on.message(given));
      if (message.call === "start") answer({ type: "ready", info: { ...INFO, backend: name } });
      else if (message.call === "probe")
        answer({ type: "result", id: message.id, value: { rate: 10, values: values[name] } });
    },
    terminate: () => log.push(`${name} ended`),
  });
  const assets = { model: {} as ModelFiles, embedding: null, precision: null };
  const engines = new Engines(
    assets,
    { cpu: 1, webgpu: 1 },
    "webgpu",
    (name, on) => {
      log.push(`${name} started`);
      return thread(name, on);
    },
    1,
  );
  return { engines, log };
}

await checks.check("a GPU that was asked for is used where its numbers are the CPU's", async () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { gpu: {} }, configurable: true });
  try {
    const same = tried({ cpu: [1, -200], webgpu: [1.001, -200.5] });
    await same.engines.start();
    equal(same.engines.state.current, "webgpu");
    equal(same.engines.state.webgpu.state, "measured");
    deepEqual(same.log, ["webgpu started", "cpu started", "cpu ended"]);
    for (const webgpu of [[1.02, -200], [1, Number.NaN], [1]]) {
      const other = tried({ cpu: [1, -200], webgpu });
      await other.engines.start();
      equal(other.engines.state.current, "cpu", `${webgpu}`);
      equal(other.engines.state.webgpu.state, "unusable");
      ok(/not those of the CPU\. Using the CPU/.test(other.engines.state.note ?? ""));
      equal((other.engines.failure as DelicateError).code, "inaccurate");
      ok(other.log.includes("webgpu ended"));
      equal(other.engines.current.dead, false);
    }
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, "navigator");
    else Object.defineProperty(globalThis, "navigator", before);
  }
});

await checks.check("a domain that cannot be had is told, and can be asked for again", async () => {
  const failure = { code: "download", message: "it answered 404", columns: null };
  let there = false;
  const thread: Launch = (_, on) => ({
    postMessage(message) {
      const answer = (given: FromWorker): void => queueMicrotask(() => on.message(given));
      if (message.call === "start") {
        answer({ type: "ready", info: INFO });
        answer({ type: "domain", missing: failure });
      } else if (message.call === "domain" && there)
        answer({ type: "result", id: message.id, value: new Uint8Array(1) });
      else if (message.call === "domain") answer({ type: "error", id: message.id, failure });
    },
    terminate: () => undefined,
  });
  const assets = { model: {} as ModelFiles, embedding: null, precision: null };
  const engines = new Engines(assets, { cpu: 1, webgpu: 0 }, "cpu", thread, 1);
  void engines.start();
  await engines.current.ready;
  await turn();
  deepEqual([engines.domainMissing, engines.state.broken], [true, false]);
  const scorer = new Scorer(engines);
  equal(scorer.domainMissing?.code, "download");
  await rejects(scorer.loadDomain(), /it answered 404/);
  equal(engines.state.domainMissing?.message, "it answered 404");
  there = true;
  await scorer.loadDomain();
  deepEqual([engines.domainMissing, scorer.domainMissing], [false, null]);
  engines.stop();
});

await checks.check("helpers have the domain once the worker that takes over has it", async () => {
  const failure = { code: "download", message: "it answered 404", columns: null };
  const started: { start: Start; tell(message: FromWorker): void; ended: boolean }[] = [];
  const thread: Launch = (_, on) => {
    const tell = (given: FromWorker): void => on.message(given);
    const one = { start: null as Start | null, tell, ended: false };
    return {
      postMessage(message) {
        if (message.call !== "start") return;
        one.start = message;
        started.push(one as (typeof started)[number]);
        queueMicrotask(() => tell({ type: "ready", info: INFO }));
      },
      terminate: () => {
        one.ended = true;
      },
    };
  };
  const domain = { url: "domain", bytes: 1, sha256: null };
  const part = new Uint8Array();
  const model = { config: part, weights: part, vocab: part, domain };
  const engines = new Engines(
    { model, embedding: null, precision: null },
    { cpu: 1, webgpu: 0 },
    "cpu",
    thread,
    3,
  );
  void engines.start();
  await engines.current.ready;
  started[0]?.tell({ type: "shared", shared: { module: {} as WebAssembly.Module, model } });
  await turn();
  engines.gather(1_000);
  equal(started.length, 1, "it has not said yet whether it has the domain");
  started[0]?.tell({ type: "domain", missing: failure });
  engines.gather(1_000);
  deepEqual(
    started.map(({ start }) => start.model.domain),
    [domain, null, null],
  );
  for (const { tell } of started.slice(1)) tell({ type: "domain", missing: null });
  equal(engines.helpers.length, 2);
  engines.abandon(engines.current);
  deepEqual(
    started.map(({ ended }) => ended),
    [true, true, true, false],
  );
  engines.gather(1_000);
  equal(started.length, 4);
  started[3]?.tell({ type: "domain", missing: null });
  equal(engines.domainMissing, false);
  engines.gather(1_000);
  deepEqual(
    started.slice(4).map(({ start, ended }) => [start.model.domain, ended]),
    [
      [domain, false],
      [domain, false],
    ],
  );
  engines.stop();
});

/** The worker's own side with a made-up module, and what it sends; `fetch` answers its downloads. */
function served(
  fetch: (url: string) => Promise<Response>,
  given: { module?: null; weights?: Download } = {},
) {
  const sent: FromWorker[] = [];
  /** What the module was asked to do, in order. */
  const did: string[] = [];
  let receive: (message: ToWorker) => void = () => undefined;
  const engine = { info: () => INFO, addDomain: () => did.push("domain"), free: () => undefined };
  const table = {
    length: 1,
    fault: undefined,
    notes: [],
    format: () => "smi",
    columns: () => ({}),
    score: async () => {
      did.push("values");
      return { results: [], scores: {} };
    },
    free: () => undefined,
  };
  const glue = {
    default: async () => undefined,
    Engine: { load: async () => engine },
    Table: { open: () => table, of: () => table },
  } as unknown as WasmModule;
  serve("cpu", glue, "module", {
    send: (message) => sent.push(message),
    listen: (given) => {
      receive = given;
    },
    fetch: (url) => fetch(url),
  });
  const file = (url: string, bytes: number) => ({ url, bytes, sha256: null });
  const part = new Uint8Array();
  const inside = { config: part, weights: part, vocab: part };
  const module = given.module === null ? { module: null } : {};
  const weights = given.weights === undefined ? {} : { weights: given.weights };
  receive({
    call: "start",
    module: new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)),
    moduleBytes: 8,
    precision: null,
    model: { ...inside, domain: file("domain", 4), domainFollows: true, ...weights },
    ...module,
    embedding: { ...inside, weights: file("embedding", 4), domain: null },
  });
  /** The first message of that type, and of that call where one is named. */
  const until = async <T extends FromWorker["type"]>(
    type: T,
    id?: number,
  ): Promise<Extract<FromWorker, { type: T }>> => {
    for (;;) {
      const found = sent.find(
        (one) => one.type === type && (id === undefined || ("id" in one && one.id === id)),
      );
      if (found !== undefined) return found as Extract<FromWorker, { type: T }>;
      await turn();
    }
  };
  return { sent, did, tell: (message: ToWorker) => receive(message), until };
}

await checks.check("values of a table that is open come before the domain is read", async () => {
  let weights: ReadableStreamDefaultController<Uint8Array> | null = null;
  const { did, tell, until } = served(
    async (url) => {
      if (url === "domain") return new Response(new Uint8Array(4));
      return new Response(
        new ReadableStream<Uint8Array>({
          start: (controller) => {
            weights = controller;
          },
        }),
      );
    },
    { weights: { url: "weights", bytes: 4, sha256: null } },
  );
  tell({ id: 0, call: "open", args: { name: "a.smi", bytes: new Uint8Array(), table: 0 } });
  await until("result", 0);
  while (weights === null) await turn();
  (weights as ReadableStreamDefaultController<Uint8Array>).close();
  await until("ready");
  // As long as a page that has much else to do.
  await new Promise((resolve) => setTimeout(resolve, 50));
  tell({ id: 1, call: "score", args: { table: 0, start: 0, end: 1, early: true } });
  await until("domain");
  deepEqual(did, ["values", "domain"]);
});

await checks.check("what is fetched later says how far it is, and can be given up", async () => {
  const coming: Record<string, ReadableStreamDefaultController<Uint8Array>> = {};
  let lacking = true;
  const { sent, tell, until } = served(async (url) => {
    if (url === "domain" && lacking) return new Response(null, { status: 404 });
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        coming[url] = controller;
      },
    });
    return new Response(body);
  });
  const told = await until("domain");
  equal(told.missing?.code, "download");
  lacking = false;
  const progressed = (): number => sent.filter(({ type }) => type === "progress").length;
  const before = progressed();
  tell({ id: 0, call: "domain", args: null });
  while (coming.domain === undefined) await turn();
  coming.domain.enqueue(new Uint8Array(2));
  while (progressed() === before) await turn();
  deepEqual(sent.at(-1), { type: "progress", part: "model", loaded: 2, total: 4 });
  coming.domain.enqueue(new Uint8Array(2));
  coming.domain.close();
  const domain = await until("result", 0);
  deepEqual(domain.value, new Uint8Array(4));
  // The model that similarity is taken of.
  const source = { name: "a.smi", bytes: new Uint8Array(), table: 0 };
  tell({ id: 1, call: "open", args: source });
  tell({ id: 2, call: "rank", args: { table: 0, actives: 0, by: "fused" } });
  while (coming.embedding === undefined) await turn();
  coming.embedding.enqueue(new Uint8Array(1));
  while (sent.at(-1)?.type !== "progress") await turn();
  tell({ call: "cancel" });
  const failed = await until("error", 2);
  equal(failed.failure.code, "cancelled");
  coming.embedding.close();
});

await checks.check("a module that cannot be fetched is told while the rest is coming", async () => {
  const never = () => new Promise<Response>(() => undefined);
  const asked: string[] = [];
  const { until } = served(
    (url) => {
      if (url !== "module") return never();
      asked.push(url);
      return Promise.reject(new TypeError("Failed to fetch"));
    },
    { module: null, weights: { url: "weights", bytes: 4, sha256: null } },
  );
  deepEqual((await until("failed")).failure, {
    code: "download",
    message: "module could not be fetched: Failed to fetch",
    columns: null,
  });
  equal(asked.length, 2, "it was tried once more");
});

await checks.check("what scoring waits for is said without an ellipsis, for one follows", () => {
  const state = (current: BackendName | null, loading: Loading | null = null): EnginesState => ({
    forced: null,
    current,
    cpu: { state: "loading", loading },
    webgpu: { state: "idle" },
    note: null,
    domainMissing: null,
    broken: false,
  });
  equal(waiting(state(null)), "Starting the engine");
  equal(waiting(state("cpu")), "Starting the engine");
  const loading = { part: "model", loaded: 1_000_000, total: 3_000_000 } as const;
  equal(waiting(state("cpu", loading)), "loading model, 1.0 MB of 3.0 MB");
});

await checks.check("whatever was thrown is told in words", () => {
  deepEqual(
    [new Error("no room"), { code: "x", message: "gone" }, "lost ", {}, null].map(thrownWords),
    ["no room", "gone", "lost", "", ""],
  );
});

await checks.check("rows that every worker fails at end the run", async () => {
  const engines = madeUpEngines();
  engines.current.failsAfter = 0;
  engines.fresh = () => {
    const worker = new MadeUpWorker();
    worker.failsAfter = 0;
    return worker;
  };
  const app = new App(engines);
  await app.score(file("a.smi", "CCN", 100));
  equal(app.phase, "idle");
  equal(app.session?.counts.scored, 0);
});

await checks.check("where the engines are tried again, scoring goes on", async () => {
  const engines = madeUpEngines();
  engines.current.failsAfter = 1;
  engines.fresh = () => {
    const worker = new MadeUpWorker();
    worker.failsAfter = 0;
    return worker;
  };
  const app = new App(engines);
  const said: string[] = [];
  app.changed.status.on((text) => said.push(text));
  const complaints: Complaint[] = [];
  app.changed.complaint.on((one) => one !== null && complaints.push(one));
  await app.score(file("a.smi", "CCN", 300));
  const scored = app.session?.counts.scored ?? 0;
  ok(scored > 0 && scored < 300);
  equal(said.at(-1), `Stopped: ${scored} scored, ${300 - scored} not scored.`);
  // As the engines tell it.
  Object.assign(engines.state, { broken: true, note: "The CPU engine failed 3 times" });
  engines.changed.emit();
  engines.start = async () => {
    engines.state.broken = false;
    engines.current = new MadeUpWorker();
  };
  complaints.at(-1)?.action?.run();
  while (app.session?.counts.scored !== 300 || app.phase !== "idle") await turn();
  ok(said.at(-1)?.startsWith("Done: 300 scored"), said.at(-1));
});

await checks.check("a table ends in one precision, whichever engines scored it", async () => {
  const engines = madeUpEngines();
  const [first] = [engines.current];
  // After its first piece the current worker is lost; the next computes in another precision.
  first.failsAfter = 1;
  engines.fresh = () => new MadeUpWorker("fp32");
  const app = new App(engines);
  await app.score(file("a.smi", "CCN", 300));
  const { session } = app;
  ok(session !== null);
  equal(session.counts.scored, 300);
  equal(session.mixed, false);
  ok(session.again > 0 && session.again < 300, `${session.again} again`);
  deepEqual(new Set(session.rows.map((_, row) => session.precision(row))), new Set(["fp32"]));
  equal(engines.current.scored, 300);
  ok(precisionWords(session).startsWith(`${session.again} rows were scored a second time`));
  equal(precisionWords({ again: 0, mixed: false, scoring: false }), "");
  ok(precisionWords({ again: 0, mixed: true, scoring: false }).includes("Score brings all"));
  // What is kept of it knows.
  const kept = await Session.open(
    engines,
    session.source,
    new AbortController().signal,
    session.found,
  );
  equal(kept.precision(299), "fp32");
});

await checks.check("others score all while a worker loads that fails: it is replaced", async () => {
  const engines = madeUpEngines();
  const [first] = [engines.current];
  first.failsAfter = 1;
  engines.helpers = [new MadeUpWorker("fp32")];
  engines.fresh = () => {
    const loading = new MadeUpWorker("fp32");
    engines.fresh = () => new MadeUpWorker("fp32");
    loading.failsToLoad();
    return loading;
  };
  const app = new App(engines);
  await app.score(file("a.smi", "CCN", 300));
  equal(app.session?.counts.scored, 300);
  equal(app.session?.mixed, false);
});

await checks.check("only the words of a single line may be molecules of their own", () => {
  for (const text of ["  CCO CCN;CCC \n", "CCO,CCN,CCC", "CCO; CCN, CCC"])
    deepEqual(wordsOfOneLine(text), ["CCO", "CCN", "CCC"], text);
  for (const text of ["", "CCO", "CCO\tethanol\nCCN\tethylamine", "C ".repeat(1_000)])
    equal(wordsOfOneLine(text), null, text);
});

await checks.check(
  "molecules are taken in batches, from sources that pause as from others",
  async () => {
    const all = async <T>(given: AsyncIterable<T>): Promise<T[]> => {
      const found: T[] = [];
      for await (const one of given) found.push(one);
      return found;
    };
    deepEqual(await all(batches([1, 2, 3, 4, 5], () => 2)), [[1, 2], [3, 4], [5]]);
    deepEqual(await all(batches([], () => 2)), []);
    let told = 0;
    async function* source(): AsyncGenerator<number> {
      try {
        yield 1;
        yield 2;
        // Longer than anybody waits for a full batch.
        await new Promise((resolve) => setTimeout(resolve, 200));
        yield 3;
        throw new Error("no more");
      } finally {
        told += 1;
      }
    }
    const given = batches(source(), () => 10);
    deepEqual((await given.next()).value, [1, 2]);
    await rejects(async () => {
      deepEqual((await given.next()).value, [3]);
      await given.next();
    }, /no more/);
    const left = batches(source(), () => 1);
    await left.next();
    await left.return();
    await turn();
    equal(told, 2, "the source is told when no more is wanted");
  },
);

checks.finish();

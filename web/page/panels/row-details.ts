/** One row in full: its fields uncut, the fault in its place, each number with what it means and how far it can be trusted. */

import { marked } from "../../package/src/cells.js";
import { symbols } from "../../package/src/drawing/block.js";
import { picture } from "../../package/src/drawing/library.js";
import { type AtomMark, draw, type Picture } from "../../package/src/drawing/picture.js";
import * as format from "../../package/src/format.js";
import type {
  Domain,
  Endpoint,
  Explanation,
  Header,
  Prediction,
  Row,
  Standardization,
} from "../../package/src/protocol.js";
import type { Estimate } from "../../package/src/scores.js";
import type { Session } from "../../package/src/session.js";
import { titles } from "../column-words.js";
import { element, spoken } from "../dom.js";
import { atomContributions } from "./atoms.js";
import { stateText } from "./table.js";

/** The places of a row's details that its explanation fills in later. */
export interface Pending {
  wait(why: string): void;
  show(explanation: Explanation): void;
  fail(why: string, again: () => void): void;
}

export interface Details {
  elements: HTMLElement[];
  /** Null for a row without a prediction to explain. */
  pending: Pending | null;
}

const DOMAINS: Record<Domain, { label: string; meaning: string }> = {
  in: { label: "In", meaning: "similar molecules are in the training data" },
  borderline: {
    label: "Borderline",
    meaning:
      "the training data are less similar than usual, or further from the prediction where they are similar",
  },
  out: {
    label: "Out",
    meaning:
      "nothing similar is in the training data, or it is far from the prediction, which is a guess",
  },
};
const INTERVAL = "90 % interval: holds the measured value nine times out of ten";

/** Pixels for a unit of the large drawing, and of a neighbour's. */
const LARGE = 2;
const SMALL = 0.8;
/** Descriptors that chemists ask for first, with Lipinski's limits where they have one. */
const DESCRIPTORS: { name: string; title: string; decimals: number; limit?: number }[] = [
  { name: "MolWt", title: "Molecular weight", decimals: 1, limit: 500 },
  { name: "MolLogP", title: "Crippen logP", decimals: 2, limit: 5 },
  { name: "NumHDonors", title: "H-bond donors", decimals: 0, limit: 5 },
  { name: "NOCount", title: "N and O atoms", decimals: 0, limit: 10 },
  { name: "TPSA", title: "TPSA (Å²)", decimals: 1 },
  { name: "NumRotatableBonds", title: "Rotatable bonds", decimals: 0 },
  { name: "FractionCSP3", title: "Fraction sp³", decimals: 2 },
  { name: "RingCount", title: "Rings", decimals: 0 },
];

/** `calibrated`: the model has what intervals, domains and neighbours are made from. */
export function rowDetails(
  session: Session,
  index: number,
  row: Row,
  endpoints: Endpoint[],
  calibrated: boolean,
): Details {
  const { columns, smiles }: Header = session.columns;
  const parts: HTMLElement[] = [];
  const drawing = element("div", { class: "drawing large" });
  const caption = element("div", { class: "choices" });
  const unread = element(
    "p",
    { class: "hint unread" },
    "Drawn as it was scored: without stereo, which the model does not read.",
  );
  unread.hidden = row.standardization?.stereo !== true || row.state !== "scored";
  const facts = element("div", { class: "descriptors" });
  const text = smiles === null ? "" : (row.fields[smiles] ?? "");
  if (smiles !== null) {
    const position = row.error?.position ?? null;
    parts.push(
      element(
        "p",
        { class: "structure" },
        position === null
          ? element("code", { class: "smiles" }, text)
          : marked(text.trim(), position),
      ),
    );
  }
  if (row.error === null) {
    void drawRow(session, index, drawing);
    parts.unshift(
      element("div", { class: "portrait" }, element("div", {}, drawing, caption, unread), facts),
    );
  }
  const standard = row.standardization?.smiles;
  if (standard !== undefined) void describe(session, standard, facts);
  if (row.error !== null) {
    parts.push(element("p", { class: "message" }, stateText(row)));
  }
  if (row.standardization !== null) parts.push(...scoredAs(row.standardization, text));
  if (row.state === "pending") parts.push(element("p", { class: "hint" }, "Not scored yet."));
  let pending: Pending | null = null;
  if (row.state === "scored") {
    const estimates = endpoints.map((_, endpoint) => session.scores.estimate(index, endpoint));
    const made = predictions(
      session,
      { drawing, caption, own: row.standardization?.smiles ?? null },
      endpoints,
      estimates,
      calibrated,
    );
    parts.push(...made.elements);
    pending = made.pending;
  }
  const others = titles(columns).flatMap((title, index) =>
    index === smiles
      ? []
      : [element("div", {}, element("dt", {}, title), element("dd", {}, row.fields[index] ?? ""))],
  );
  if (others.length > 0)
    parts.push(element("h3", {}, "From your table"), element("dl", { class: "facts" }, ...others));
  return { elements: parts, pending };
}

/** The form in which the molecule was scored, where that is not how it was drawn. */
function scoredAs(done: Standardization, text: string): HTMLElement[] {
  const changes = format.changes(done);
  if (changes.length === 0 && done.smiles === text.trim()) return [];
  const form = element("code", { class: "smiles" }, done.smiles);
  return [
    element(
      "p",
      { class: "hint scored-as" },
      "Scored as ",
      form,
      changes.length === 0 ? "" : ` (${changes.join("; ")})`,
    ),
  ];
}

/** A line of the table: an endpoint and the cells that are filled in later. */
interface Line {
  endpoint: Endpoint;
  estimate: Estimate;
  standing: HTMLElement;
  interval: HTMLElement;
  domain: HTMLElement;
  nearest: HTMLElement;
}

function predictions(
  session: Session,
  /** Where the molecule is drawn, what is said below it, and its SMILES as it was scored. */
  { drawing, caption, own }: { drawing: HTMLElement; caption: HTMLElement; own: string | null },
  endpoints: Endpoint[],
  estimates: (Estimate | null)[],
  calibrated: boolean,
): Details {
  const heads = [
    "Endpoint",
    "Value",
    "Unit",
    ...(calibrated ? ["90 % interval", "Domain", "Nearest training molecule"] : []),
  ];
  const lines: (Line | null)[] = endpoints.map((endpoint, place) => {
    const estimate = estimates[place] ?? null;
    if (estimate === null) return null;
    const cell = (place: number, kind: string): HTMLElement =>
      labelled(heads[place] ?? "", kind, "");
    return {
      endpoint,
      estimate,
      // Its place is kept, so that nothing moves when the answer comes.
      standing: element(
        "span",
        { class: "meaning", hidden: (endpoint.quantiles ?? []).length === 0 },
        "…",
      ),
      interval: cell(3, "number"),
      domain: cell(4, ""),
      nearest: cell(5, "neighbour"),
    };
  });
  const rows = lines.flatMap((line) => {
    if (line === null) return [];
    const { title, description } = line.endpoint;
    const { value: number } = line.estimate;
    const value = element(
      "data",
      { value: String(number) },
      format.estimate(number, line.endpoint),
    );
    const made = element(
      "tr",
      { attributes: { role: "row" } },
      element(
        "th",
        { scope: "row", attributes: { role: "rowheader" } },
        title,
        " ",
        element("span", { class: "meaning" }, aboutOf(description).meaning),
        line.standing,
      ),
      labelled("Value", "number", value),
      unitCell(line.endpoint),
    );
    if (calibrated) made.append(line.interval, line.domain, line.nearest);
    return [made];
  });
  const head = heads.map((text) =>
    element(
      "th",
      {
        scope: "col",
        class: ["Value", "90 % interval"].includes(text) ? "number" : "",
        title: text === "90 % interval" ? INTERVAL : "",
        attributes: { role: "columnheader" },
      },
      text,
    ),
  );
  // The roles are those of the elements, which a phone's layout would take from them.
  const table = element(
    "table",
    { class: calibrated ? "predictions assessed" : "predictions", attributes: { role: "table" } },
    element(
      "thead",
      { attributes: { role: "rowgroup" } },
      element("tr", { attributes: { role: "row" } }, ...head),
    ),
    element("tbody", { attributes: { role: "rowgroup" } }, ...rows),
  );
  const state = element("p", { class: "hint", attributes: { role: "status" } });
  const legend = element("p", { class: "hint", hidden: true });
  const fault = element("div");
  const atoms = element("div");

  const explain = (words: string): void => {
    legend.textContent = words;
    legend.hidden = false;
  };
  if (!calibrated) explain("Intervals and neighbours are not available for this model.");

  const pending: Pending = {
    wait(why) {
      fault.replaceChildren();
      for (const line of lines) {
        if (line === null) continue;
        assess(line, line.estimate);
        line.nearest.replaceChildren(unknown("…"));
      }
      state.className = "hint";
      state.textContent = why;
    },
    show(explanation) {
      const neighbours = new Map<string, HTMLElement[]>();
      for (const line of lines) {
        if (line === null) continue;
        const { name } = line.endpoint;
        const place = explanation.predictions.findIndex(({ endpoint }) => endpoint === name);
        const prediction = explanation.predictions[place] ?? null;
        fill(line, prediction, own);
        const standing = explanation.standings[place] ?? null;
        line.standing.textContent = standing === null ? "" : sentence(standing);
        const nearest = prediction?.nearest?.smiles;
        const slot = line.nearest.querySelector<HTMLElement>(".drawing");
        if (nearest !== undefined && slot !== null)
          neighbours.set(nearest, [...(neighbours.get(nearest) ?? []), slot]);
      }
      for (const [smiles, slots] of neighbours) void drawNeighbour(session, smiles, slots);
      if (calibrated) {
        const found = explanation.predictions.map(({ domain }) => domain);
        const named = (Object.keys(DOMAINS) as Domain[]).filter((domain) => found.includes(domain));
        const meanings = named.map(
          (domain) => `${DOMAINS[domain].label}: ${DOMAINS[domain].meaning}.`,
        );
        const isKnown = explanation.predictions.some(({ nearest }) => nearest?.smiles === own);
        const known = isKnown
          ? "Trained on it: the molecule itself is in the training data, and what was measured says more than the prediction."
          : "";
        const held = "The measured value lies in the interval nine times out of ten.";
        explain(
          named.length === 0
            ? "Intervals, domains and nearest training molecules are missing: see above the table."
            : [held, ...meanings, known].join(" ").trim(),
        );
      }
      state.textContent = "Explained.";
      state.className = "spoken";
      const shares = sharesOn(session, explanation, drawing);
      atoms.replaceChildren(...atomContributions(endpoints, explanation, caption, shares));
    },
    fail(why, again) {
      for (const line of lines) line?.nearest.replaceChildren(unknown("–", "not known"));
      state.textContent = "";
      const button = element("button", { type: "button" }, "Try again");
      button.addEventListener("click", again);
      fault.replaceChildren(
        element(
          "p",
          { class: "message", attributes: { role: "alert" } },
          `This prediction could not be explained: ${why} `,
          button,
        ),
      );
    },
  };
  return {
    elements: [
      element("div", { class: "wide" }, table),
      legend,
      state,
      fault,
      atoms,
      ...sources(lines.flatMap((line) => (line === null ? [] : [line.endpoint]))),
    ],
    pending,
  };
}

/** What an endpoint's value is, and the data that it was learnt from; empty where that is not told. */
export function aboutOf(description: string): { meaning: string; data: string } {
  const place = description.indexOf(" Data: ");
  if (place === -1) return { meaning: description, data: "" };
  return {
    meaning: description.slice(0, place),
    data: description.slice(place + " Data: ".length),
  };
}

/** The data of all endpoints, folded: beside the values they would be most of what is read. */
function sources(endpoints: Endpoint[]): HTMLElement[] {
  const told = endpoints.flatMap(({ title, description }) => {
    const { data } = aboutOf(description);
    return data === ""
      ? []
      : [element("div", {}, element("dt", {}, title), element("dd", {}, data))];
  });
  if (told.length === 0) return [];
  const summary = element("summary", {}, "Data that the endpoints were learnt from");
  const list = element("dl", { class: "facts" }, ...told);
  return [element("details", { class: "sources" }, summary, list)];
}

/** Says how far a value can be trusted. */
function assess({ endpoint, interval, domain }: Line, estimate: Estimate | null): void {
  const bounds = estimate?.interval ?? null;
  interval.replaceChildren(
    bounds === null
      ? unknown("–", "no interval")
      : element("span", { title: INTERVAL }, format.bounds(bounds, endpoint)),
  );
  const band = estimate?.domain ?? null;
  domain.replaceChildren(band === null ? unknown("–", "not known") : badge(band));
}

/** The same, and what the prediction stands nearest to; nothing is known where it is null. */
function fill(line: Line, prediction: Prediction | null, own: string | null): void {
  // What the table has, and not what a second computation gives: the last digits may differ.
  const { domain, nearest, estimate } = line;
  assess(line, estimate.interval === null && estimate.domain === null ? prediction : estimate);
  const reason = prediction?.domain_reason ?? null;
  if (reason !== null) domain.append(element("span", { class: "reason" }, sentence(reason)));
  const neighbour = prediction?.nearest ?? null;
  if (neighbour === null) {
    nearest.replaceChildren(unknown("–", "not known"));
    return;
  }
  const { smiles, similarity, measured } = neighbour;
  const itself = smiles === own;
  if (itself) domain.append(element("span", { class: "trained" }, "trained on it"));
  const words = measured === null ? "" : measuredWords(measured, line.endpoint);
  nearest.replaceChildren(
    element("div", { class: "drawing small" }, element("code", { class: "smiles" }, smiles)),
    element(
      "span",
      { class: "similarity" },
      itself ? "the molecule itself, similarity " : "similarity ",
      element("data", { value: String(similarity) }, similarity.toFixed(2)),
      ...(measured === null
        ? []
        : [", measured ", element("data", { value: String(measured) }, words)]),
    ),
  );
}

/** What was measured; of a class, in a word. */
export function measuredWords(
  value: number,
  endpoint: format.Printed & Pick<Endpoint, "unit">,
): string {
  if (endpoint.task === "classification" && (value === 0 || value === 1))
    return value === 1 ? "positive" : "negative";
  return `${format.estimate(value, endpoint)} ${format.unit(endpoint.unit)}`.trimEnd();
}

/** Words as a sentence. */
const sentence = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;

function badge(domain: Domain): HTMLElement {
  const { label, meaning } = DOMAINS[domain];
  const made = element("span", { class: "domain", title: meaning }, label);
  made.dataset.domain = domain;
  return made;
}

/** What the values are in. */
function unitCell(endpoint: Endpoint): HTMLTableCellElement {
  const unit = format.unitOf(endpoint);
  const made = labelled("Unit", "", unit === "" ? unknown("–") : unit);
  made.title = format.unitMeaning(endpoint.unit);
  return made;
}

/** A cell that carries its column's name along, for where there are no columns. */
function labelled(name: string, kind: string, content: Node | string): HTMLTableCellElement {
  return element("td", { class: kind, attributes: { role: "cell", "data-label": name } }, content);
}

function unknown(sign: string, meaning?: string): HTMLElement {
  if (meaning === undefined) return element("span", { class: "unit" }, sign);
  return element(
    "span",
    { class: "unit" },
    element("span", { attributes: { "aria-hidden": "true" } }, sign),
    spoken(meaning),
  );
}

function place(
  slot: HTMLElement,
  made: Picture,
  name: string,
  size: number,
  marks: AtomMark[] = [],
): void {
  slot.classList.add("drawn");
  slot.querySelector("svg.molecule")?.remove();
  const { clientWidth, clientHeight } = slot;
  // Unknown while it is not on the page.
  const room = Math.min(clientWidth / made.width, clientHeight / made.height);
  slot.append(draw(made, name, size, marks, room > 0 ? Math.min(size, room) : size));
}

/** The molecule as it was given. */
async function drawRow(session: Session, row: number, slot: HTMLElement): Promise<void> {
  const [block = null] = await session.blocks([row]).catch((): null[] => []);
  const made = block === null ? null : await picture(block).catch(() => null);
  // The explanation may have been quicker.
  if (made !== null && slot.dataset.shares === undefined) place(slot, made, "The molecule", LARGE);
}

async function drawNeighbour(
  session: Session,
  smiles: string,
  slots: HTMLElement[],
): Promise<void> {
  const drawn = await session.depict(smiles).catch(() => null);
  const made = drawn === null ? null : await picture(drawn.block).catch(() => null);
  if (made === null) return;
  for (const slot of slots) place(slot, made, `Nearest training molecule: ${smiles}`, SMALL);
}

/** Draws the molecule as it was scored, with the shares of its atoms. */
function sharesOn(
  session: Session,
  { smiles }: Explanation,
  slot: HTMLElement,
): (shares: Omit<AtomMark, "atom">[], title: string) => void {
  const drawn = session
    .depict(smiles)
    .then(async ({ block, places }) => {
      // The library puts hydrogens last, so that its atoms would be others.
      if (symbols(block).includes("H")) return null;
      const made = await picture(block);
      return made === null ? null : { made, places };
    })
    .catch(() => null);
  return async (shares, title) => {
    const found = await drawn;
    if (found === null) return;
    const marks = shares.flatMap((share, atom) => {
      const place = found.places[atom];
      return place === undefined ? [] : [{ ...share, atom: place }];
    });
    slot.dataset.shares = title;
    place(slot, found.made, `The molecule with its atoms’ contributions to ${title}`, LARGE, marks);
  };
}

/** Simple numbers of the molecule as it was scored. */
async function describe(session: Session, smiles: string, target: HTMLElement): Promise<void> {
  const values = await session.descriptors(smiles).catch(() => null);
  if (values === null) return;
  let broken = 0;
  const facts = DESCRIPTORS.flatMap(({ name, title, decimals, limit }) => {
    const value = values[name];
    if (value === undefined) return [];
    const beyond = limit !== undefined && value > limit;
    if (beyond) broken += 1;
    const text = value.toFixed(decimals).replace("-", "\u2212");
    return [
      element("dt", {}, title),
      element("dd", {}, text, beyond ? element("span", { class: "beyond" }, ` over ${limit}`) : ""),
    ];
  });
  const rule =
    broken === 0 ? "Within Lipinski’s rule of five." : `Breaks ${broken} of Lipinski’s four rules.`;
  target.replaceChildren(element("dl", {}, ...facts), element("p", { class: "hint" }, rule));
}

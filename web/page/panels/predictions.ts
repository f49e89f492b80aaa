/** One row in full: its fields uncut, the fault in its place, each number with what it means and how far it can be trusted. */

import { atomShares } from "./atoms.js";
import { element, spoken } from "./dom.js";
import * as format from "./format.js";
import type { Assessment, Columns, Domain, Endpoint, Explanation, Row } from "./protocol.js";
import { marked, stateText } from "./table.js";

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
  in: { label: "In", meaning: "like the molecules that the model was trained on" },
  borderline: { label: "Borderline", meaning: "less like the training molecules than most" },
  out: {
    label: "Out",
    meaning: "unlike the training molecules, so that the prediction is a guess",
  },
};
const INTERVAL = "90 % interval: holds the measured value nine times in ten";

/** `knowsDomain`: the model has what intervals, domains and neighbours are made from. */
export function details(
  { columns, smiles }: Columns,
  endpoints: Endpoint[],
  row: Row,
  knowsDomain: boolean,
): Details {
  const parts: HTMLElement[] = [];
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
  if (row.error !== null) {
    parts.push(element("p", { class: "message" }, stateText(row)));
  }
  if (row.state === "pending") parts.push(element("p", { class: "hint" }, "Not scored yet."));
  let pending: Pending | null = null;
  if (row.scores !== null) {
    const scores = predictions(endpoints, row.scores, knowsDomain);
    parts.push(...scores.elements);
    pending = scores.pending;
  }
  const others = columns.flatMap((name, index) =>
    index === smiles
      ? []
      : [element("div", {}, element("dt", {}, name), element("dd", {}, row.fields[index] ?? ""))],
  );
  if (others.length > 0)
    parts.push(element("h3", {}, "From your table"), element("dl", { class: "facts" }, ...others));
  return { elements: parts, pending };
}

/** A line of the table: an endpoint and the cells that are filled in later. */
interface Line {
  endpoint: Endpoint;
  interval: HTMLElement;
  domain: HTMLElement;
  nearest: HTMLElement;
}

function predictions(
  endpoints: Endpoint[],
  scores: NonNullable<Row["scores"]>,
  knowsDomain: boolean,
): Details {
  const heads = [
    "Endpoint",
    "Value",
    "Unit",
    ...(knowsDomain ? ["90 % interval", "Domain", "Nearest training molecule"] : []),
  ];
  const lines: (Line | null)[] = endpoints.map((endpoint) => {
    if (scores[endpoint.name] === undefined) return null;
    const cell = (place: number, kind: string): HTMLElement =>
      labelled(heads[place] ?? "", kind, "");
    return {
      endpoint,
      interval: cell(3, "number"),
      domain: cell(4, ""),
      nearest: cell(5, "neighbour"),
    };
  });
  const rows = lines.flatMap((line) => {
    const score = line === null ? undefined : scores[line.endpoint.name];
    if (line === null || score === undefined) return [];
    const { title, description } = line.endpoint;
    const value = element(
      "data",
      { value: String(score.value) },
      score.value.toPrecision(4).replace("-", "\u2212"),
    );
    const made = element(
      "tr",
      { attributes: { role: "row" } },
      element(
        "th",
        { scope: "row", attributes: { role: "rowheader" } },
        title,
        " ",
        element("span", { class: "meaning" }, description),
      ),
      labelled("Value", "number", value),
      labelled("Unit", "", score.unit === "" ? unknown("–") : score.unit),
    );
    if (knowsDomain) made.append(line.interval, line.domain, line.nearest);
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
    { class: knowsDomain ? "predictions assessed" : "predictions", attributes: { role: "table" } },
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

  const unassessed = (): void => {
    legend.textContent =
      "This model does not know its domain, so that there is no interval and no nearest training molecule to show.";
    legend.hidden = false;
  };
  if (!knowsDomain) unassessed();

  const pending: Pending = {
    wait(why) {
      fault.replaceChildren();
      for (const line of lines)
        for (const cell of line === null ? [] : [line.interval, line.domain, line.nearest])
          cell.replaceChildren(unknown("…"));
      state.className = "hint";
      state.textContent = why;
    },
    show(explanation) {
      const { assessments } = explanation;
      lines.forEach((line, index) => {
        if (line !== null) fill(line, explanation.values[index], assessments?.[index]);
      });
      if (assessments === null) unassessed();
      else {
        const parts = assessments.map(({ domain }) => domain);
        const named = (Object.keys(DOMAINS) as Domain[]).filter((domain) => parts.includes(domain));
        const meanings = named.map(
          (domain) => `${DOMAINS[domain].label}: ${DOMAINS[domain].meaning}.`,
        );
        legend.textContent = [
          "The interval holds the measured value nine times in ten.",
          ...meanings,
        ].join(" ");
        legend.hidden = false;
      }
      state.textContent = "Explained.";
      state.className = "spoken";
      atoms.replaceChildren(...atomShares(endpoints, explanation));
    },
    fail(why, again) {
      for (const line of lines) if (line !== null) fill(line, undefined, undefined);
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
    elements: [element("div", { class: "wide" }, table), legend, state, fault, atoms],
    pending,
  };
}

function fill(
  { interval, domain, nearest }: Line,
  value: number | undefined,
  assessment: Assessment | undefined,
): void {
  const half = assessment?.half_width ?? null;
  const known = value !== undefined && half !== null && Number.isFinite(half);
  interval.replaceChildren(
    known
      ? element("span", { title: INTERVAL }, format.interval(value, half))
      : unknown("–", "no interval"),
  );
  domain.replaceChildren(assessment?.domain ? badge(assessment.domain) : unknown("–", "not known"));
  const neighbour = assessment?.nearest ?? null;
  nearest.replaceChildren(
    ...(neighbour === null
      ? [unknown("–", "not known")]
      : [
          element("code", { class: "smiles" }, neighbour.smiles),
          " ",
          element(
            "span",
            { class: "similarity" },
            "similarity ",
            element(
              "data",
              { value: String(neighbour.similarity) },
              neighbour.similarity.toFixed(2),
            ),
          ),
        ]),
  );
}

function badge(domain: Domain): HTMLElement {
  const { label, meaning } = DOMAINS[domain];
  const made = element("span", { class: "domain", title: meaning }, label);
  made.dataset.domain = domain;
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

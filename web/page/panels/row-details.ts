/** One row in full: its fields uncut, the fault in its place, each number with what it means and how far it can be trusted. */

import { element, spoken } from "../dom.js";
import * as format from "../format.js";
import type {
  Domain,
  Endpoint,
  Explanation,
  Header,
  Prediction,
  Row,
  Standardization,
} from "../protocol.js";
import { predictionOf } from "../view.js";
import { atomContributions } from "./atoms.js";
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
    meaning: "unlike the training molecules, so the prediction is a guess",
  },
};
const INTERVAL = "90 % interval: holds the measured value nine times out of ten";

/** `calibrated`: the model has what intervals, domains and neighbours are made from. */
export function rowDetails(
  { columns, smiles }: Header,
  endpoints: Endpoint[],
  row: Row,
  calibrated: boolean,
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
  if (row.standardization !== null) parts.push(...scoredAs(row.standardization, text));
  if (row.state === "pending") parts.push(element("p", { class: "hint" }, "Not scored yet."));
  let pending: Pending | null = null;
  if (row.predictions !== null) {
    const made = predictions(endpoints, row.predictions, calibrated);
    parts.push(...made.elements);
    pending = made.pending;
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
  interval: HTMLElement;
  domain: HTMLElement;
  nearest: HTMLElement;
}

function predictions(endpoints: Endpoint[], predicted: Prediction[], calibrated: boolean): Details {
  const heads = [
    "Endpoint",
    "Value",
    "Unit",
    ...(calibrated ? ["90 % interval", "Domain", "Nearest training molecule"] : []),
  ];
  const lines: (Line | null)[] = endpoints.map((endpoint) => {
    if (predictionOf(predicted, endpoint.name) === null) return null;
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
    const prediction = line === null ? null : predictionOf(predicted, line.endpoint.name);
    if (line === null || prediction === null) return [];
    const { title, description } = line.endpoint;
    const value = element(
      "data",
      { value: String(prediction.value) },
      prediction.value.toPrecision(4).replace("-", "\u2212"),
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
      labelled("Unit", "", prediction.unit === "" ? unknown("–") : prediction.unit),
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

  const explainAbsence = (): void => {
    legend.textContent = "Intervals and neighbours are not available for this model.";
    legend.hidden = false;
  };
  if (!calibrated) explainAbsence();

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
      for (const line of lines) {
        if (line !== null) fill(line, predictionOf(explanation.predictions, line.endpoint.name));
      }
      if (calibrated) {
        const found = explanation.predictions.map(({ domain }) => domain);
        const named = (Object.keys(DOMAINS) as Domain[]).filter((domain) => found.includes(domain));
        const meanings = named.map(
          (domain) => `${DOMAINS[domain].label}: ${DOMAINS[domain].meaning}.`,
        );
        legend.textContent = [
          "The measured value lies in the interval nine times out of ten.",
          ...meanings,
        ].join(" ");
        legend.hidden = false;
      }
      state.textContent = "Explained.";
      state.className = "spoken";
      atoms.replaceChildren(...atomContributions(endpoints, explanation));
    },
    fail(why, again) {
      for (const line of lines) if (line !== null) fill(line, null);
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

/** Says how far a prediction can be trusted; nothing is known of it where it is null. */
function fill({ interval, domain, nearest }: Line, prediction: Prediction | null): void {
  const bounds = prediction?.interval ?? null;
  interval.replaceChildren(
    bounds === null
      ? unknown("–", "no interval")
      : element("span", { title: INTERVAL }, format.interval(bounds)),
  );
  const band = prediction?.domain ?? null;
  domain.replaceChildren(band === null ? unknown("–", "not known") : badge(band));
  const neighbour = prediction?.nearest ?? null;
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

/** `<delicate-scorer>`: molecules pasted in, a table of what the model says of them. */

import { marked } from "../cells.js";
import { element, spoken } from "../dom.js";
import * as format from "../format.js";
import type { Row } from "../types.js";
import { BANDS, domainMissingWords, errorText } from "../words.js";
import { Base } from "./base.js";
import { chosen, drawings, estimate, isCancelled, legend, scoredAs, sentence } from "./parts.js";
import { onConfigured, sharedScorer } from "./shared.js";
import { style } from "./style.js";

/** Lines of the table; the rows beyond are in the file. */
const SHOWN = 500;
/** Pixels for a unit of a drawing. */
const SIZE = 0.7;

/**
 * Attributes: `value`, what is in the field at first; `endpoints`, names of those to show, all
 * without it; `label`, what is written over the field. Events: `delicate-scored` with each row,
 * `delicate-done` with all of them, `delicate-error` with the error.
 */
export class DelicateScorer extends Base {
  static readonly observedAttributes = ["label", "endpoints"];

  readonly #input = element("textarea", {
    id: "input",
    spellcheck: false,
    attributes: { part: "input", autocapitalize: "off", autocomplete: "off" },
  });
  readonly #label = element("label", { htmlFor: "input", attributes: { part: "label" } });
  readonly #score = button("Score", "submit", "first");
  readonly #cancel = button("Cancel", "button");
  readonly #save = button("Save as CSV", "button");
  readonly #status = element("span", {
    class: "soft",
    attributes: { role: "status", part: "status" },
  });
  readonly #message = element("p", {
    class: "message fault",
    attributes: { role: "alert", part: "message" },
  });
  readonly #results = element("div", {
    class: "results",
    tabIndex: 0,
    attributes: { role: "region", "aria-label": "Results", part: "results" },
  });

  readonly #legend = legend();

  #rows: Row[] = [];
  #columns: ReturnType<typeof chosen> = [];
  #under: AbortController | null = null;
  #unconfigure: (() => void) | null = null;
  #seen: IntersectionObserver | null = null;

  /** What was found, row by row. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** What is in the field. */
  get value(): string {
    return this.#input.value;
  }

  set value(text: string) {
    this.#input.value = text;
  }

  connectedCallback(): void {
    if (this.shadowRoot === null) this.#build();
    this.#unconfigure = onConfigured(() => this.cancel());
  }

  disconnectedCallback(): void {
    this.cancel();
    this.#unconfigure?.();
  }

  attributeChangedCallback(): void {
    this.#label.textContent = this.getAttribute("label") ?? "Molecules, one SMILES a line";
  }

  /** Scores what is in the field; resolves once all rows are there, or it was cancelled. */
  async score(): Promise<void> {
    this.cancel();
    const under = new AbortController();
    const { signal } = under;
    this.#under = under;
    this.#rows = [];
    this.#message.textContent = "";
    this.#message.hidden = true;
    this.#results.hidden = true;
    this.#legend.hidden = true;
    this.#save.hidden = true;
    if (this.value.trim() === "") {
      this.#status.textContent = "";
      this.#fail("Paste at least one SMILES, such as CCO.");
      this.#input.focus();
      return;
    }
    this.#busy(true);
    this.#status.textContent = "Loading the model…";
    try {
      const scorer = await sharedScorer();
      if (signal.aborted) return;
      this.#columns = chosen(scorer, this.getAttribute("endpoints"));
      const body = this.#table();
      this.#status.textContent = "Scoring…";
      for await (const row of scorer.scoreFile({ contents: this.value }, { signal })) {
        this.#rows.push(row);
        if (this.#rows.length <= SHOWN) body.append(this.#line(row));
        this.#results.hidden = false;
        if (row.predictions?.some(({ domain }) => domain !== null)) this.#legend.hidden = false;
        this.dispatchEvent(new CustomEvent("delicate-scored", { detail: row, bubbles: true }));
      }
      this.#status.textContent = this.#summary();
      // The values are there, and stay.
      if (scorer.domainMissing !== null) this.#fail(domainMissingWords(scorer.domainMissing));
      this.dispatchEvent(new CustomEvent("delicate-done", { detail: this.rows, bubbles: true }));
    } catch (error) {
      if (isCancelled(error) || signal.aborted) {
        if (this.#under === under) this.#status.textContent = `Cancelled: ${this.#summary()}`;
      } else {
        this.#status.textContent = "";
        this.#fail(sentence(error));
        this.dispatchEvent(new CustomEvent("delicate-error", { detail: error, bubbles: true }));
      }
    } finally {
      if (this.#under === under) {
        this.#under = null;
        this.#busy(false);
        this.#save.hidden = this.#rows.length === 0;
      }
    }
  }

  /** Ends the scoring; the rows that are there stay. */
  cancel(): void {
    this.#under?.abort();
  }

  #build(): void {
    const root = this.attachShadow({ mode: "open" });
    style(root);
    this.attributeChangedCallback();
    this.#input.value = this.getAttribute("value") ?? "";
    const form = element(
      "form",
      { attributes: { part: "form" } },
      this.#label,
      this.#input,
      element(
        "div",
        { class: "actions", attributes: { part: "actions" } },
        this.#score,
        this.#cancel,
        this.#save,
        this.#status,
      ),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.score();
    });
    // As in other fields of several lines.
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      void this.score();
    });
    this.#cancel.addEventListener("click", () => this.cancel());
    this.#save.addEventListener("click", () => this.#download());
    for (const part of [this.#cancel, this.#save, this.#message, this.#results, this.#legend])
      part.hidden = true;
    root.replaceChildren(form, this.#message, this.#results, this.#legend);
  }

  #busy(busy: boolean): void {
    const hadFocus = this.shadowRoot?.activeElement;
    this.#cancel.hidden = !busy;
    this.#score.disabled = busy;
    this.#results.setAttribute("aria-busy", String(busy));
    // Neither a disabled button nor a hidden one keeps the focus.
    if (busy && hadFocus === this.#score) this.#cancel.focus();
    else if (!busy && hadFocus === this.#cancel) this.#score.focus();
  }

  #fail(text: string): void {
    this.#message.hidden = false;
    this.#message.textContent = text;
  }

  #summary(): string {
    const failed = this.#rows.filter(({ error }) => error !== null).length;
    const parts = [`${format.count(this.#rows.length - failed)} scored`];
    if (failed > 0) parts.push(format.plural(failed, "error"));
    if (this.#rows.length > SHOWN) parts.push(`the first ${format.count(SHOWN)} are shown`);
    return `${parts.join(", ")}.`;
  }

  #table(): HTMLTableSectionElement {
    const heads = this.#columns.map(({ endpoint }) => {
      const { title, name, description } = endpoint;
      const unit = format.unitOf(endpoint);
      const head = element(
        "th",
        { scope: "col", class: "number", title: description },
        title || name,
      );
      if (unit !== "") head.append(element("span", { class: "unit" }, unit));
      return head;
    });
    const body = element("tbody");
    const first = element("th", { scope: "col" }, "Molecule");
    this.#results.replaceChildren(
      element(
        "table",
        { attributes: { part: "table" } },
        element("caption", { class: "spoken" }, "What the model says of each molecule"),
        element("thead", {}, element("tr", {}, first, ...heads)),
        body,
      ),
    );
    // Drawn when somebody looks at them.
    this.#seen?.disconnect();
    this.#seen = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          this.#seen?.unobserve(target);
          const { smiles = "", name = "" } = (target as HTMLElement).dataset;
          drawings.show({ key: smiles, slot: target as HTMLElement, name, size: SIZE });
        }
      },
      { root: this.#results, rootMargin: "200px" },
    );
    return body;
  }

  #line(row: Row): HTMLTableRowElement {
    const name = row.id ?? "";
    const text = row.smiles || (row.standardization?.smiles ?? "");
    const head = element("th", { scope: "row" });
    if (name !== "") head.append(element("span", { attributes: { part: "name" } }, name));
    if (row.error !== null) {
      const { position } = row.error;
      head.append(
        element(
          "div",
          {},
          position === null
            ? element("code", { class: "smiles" }, text)
            : marked(text.trim(), position, 40),
        ),
      );
      const cell = element(
        "td",
        {
          colSpan: Math.max(1, this.#columns.length),
          class: "fault",
          attributes: { part: "error" },
        },
        element("span", { class: "why" }, spoken("Error: "), `${errorText(row.error)}.`),
      );
      return element("tr", { attributes: { part: "row" } }, head, cell);
    }
    const slot = element(
      "div",
      { class: "drawing", attributes: { part: "drawing" } },
      element("code", { class: "smiles" }, text),
    );
    Object.assign(slot.dataset, { smiles: text, name: `Structure of ${name || text}` });
    this.#seen?.observe(slot);
    head.append(slot);
    head.append(...scoredAs(row.standardization));
    const cells = this.#columns.map(({ place, endpoint }) => {
      const prediction = row.predictions[place];
      const cell = element("td", { class: "number", attributes: { part: "value" } });
      if (prediction === undefined) return cell;
      cell.append(...estimate(prediction, endpoint, false));
      if (prediction.domain !== null) {
        cell.dataset.domain = prediction.domain;
        cell.title = BANDS[prediction.domain];
      }
      return cell;
    });
    return element("tr", { attributes: { part: "row" } }, head, ...cells);
  }

  #download(): void {
    const blob = new Blob([csv(this.#rows, this.#columns)], { type: "text/csv" });
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: "scores.csv" }).click();
    // Once the browser has taken it over.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}

/** All rows with the endpoints shown, the intervals of quantities, and domains. */
function csv(rows: readonly Row[], columns: ReturnType<typeof chosen>): string {
  const head = [
    "smiles",
    "id",
    "standardized",
    "changes",
    ...columns.flatMap(({ endpoint: { name, task } }) => [
      name,
      // A probability has no interval.
      ...(task === "regression" ? [`${name}_low`, `${name}_high`] : []),
      `${name}_domain`,
    ]),
    "error",
  ];
  const number = (value: number | undefined): string =>
    value === undefined ? "" : format.single(value);
  const lines = rows.map((row) => [
    row.smiles || (row.standardization?.smiles ?? ""),
    row.id ?? "",
    row.standardization?.smiles ?? "",
    row.standardization === null ? "" : format.changes(row.standardization).join("; "),
    ...columns.flatMap(({ endpoint: { task }, place }) => {
      const { value, interval, domain } = row.predictions?.[place] ?? {};
      const bounds = task === "regression" ? [interval?.low, interval?.high] : [];
      return [value, ...bounds].map(number).concat(domain ?? "");
    }),
    // For programs, which count from 0, as in the files of the page and the command.
    row.error?.message ?? "",
  ]);
  return [head, ...lines].map((line) => `${line.map(field).join(",")}\n`).join("");
}

const field = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

function button(text: string, type: "button" | "submit", name = ""): HTMLButtonElement {
  return element("button", { type, class: name, attributes: { part: "button" } }, text);
}

/** `<delicate-molecule smiles="…">`: one molecule, drawn, with what the model says of it. */

import { marked } from "../cells.js";
import { element } from "../dom.js";
import type { Row } from "../types.js";
import { BANDS, errorText } from "../words.js";
import { Base } from "./base.js";
import { chosen, drawings, estimate, isCancelled, legend, scoredAs, sentence } from "./parts.js";
import { onConfigured, sharedScorer } from "./shared.js";
import { style } from "./style.js";

/** Pixels for a unit of a drawing. */
const SIZE = 1.1;

/**
 * Attributes: `smiles`; `endpoints`, names of those to show, all without it; `label`, what the
 * molecule is called. Events: `delicate-scored` with the row, `delicate-error` with the error.
 */
export class DelicateMolecule extends Base {
  static readonly observedAttributes = ["smiles", "endpoints", "label"];

  #row: Row | null = null;
  #under: AbortController | null = null;
  #watch: IntersectionObserver | null = null;
  #unconfigure: (() => void) | null = null;
  #ask = false;

  /** What was found; null until then. */
  get row(): Row | null {
    return this.#row;
  }

  get smiles(): string {
    return this.getAttribute("smiles") ?? "";
  }

  set smiles(smiles: string) {
    this.setAttribute("smiles", smiles);
  }

  connectedCallback(): void {
    if (this.shadowRoot === null) style(this.attachShadow({ mode: "open" }));
    this.#unconfigure = onConfigured(() => this.#begin());
    // A page may have more of them than anybody looks at.
    this.#watch = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
        this.#watch?.disconnect();
        this.#ask = true;
        this.#begin();
      },
      { rootMargin: "200px" },
    );
    this.#watch.observe(this);
    this.#begin();
  }

  disconnectedCallback(): void {
    this.#watch?.disconnect();
    this.#unconfigure?.();
    this.#under?.abort();
    this.#ask = false;
  }

  attributeChangedCallback(_: string, before: string | null, after: string | null): void {
    if (before !== after && this.isConnected) this.#begin();
  }

  #begin(): void {
    this.#under?.abort();
    this.#row = null;
    const under = new AbortController();
    this.#under = under;
    if (this.smiles.trim() === "") {
      this.#show(element("p", { class: "soft" }, "No molecule is given."));
      return;
    }
    this.#show(this.#drawing(), this.#words("Scoring…"));
    if (this.#ask) void this.#score(under.signal);
  }

  async #score(signal: AbortSignal): Promise<void> {
    try {
      const scorer = await sharedScorer();
      const endpoints = chosen(scorer, this.getAttribute("endpoints"));
      const row = await scorer.scoreOne(this.smiles, { signal });
      if (signal.aborted) return;
      this.#row = row;
      if (row.error !== null) {
        const { position } = row.error;
        const text = this.smiles.trim();
        this.#show(
          element(
            "div",
            { class: "drawing", attributes: { part: "drawing" } },
            position === null ? element("code", { class: "smiles" }, text) : marked(text, position),
          ),
          this.#words(`${errorText(row.error)}.`, true),
        );
      } else {
        const slot = this.#drawing();
        this.#show(slot, this.#values(row, endpoints));
        const name = `Structure of ${this.getAttribute("label") ?? this.smiles}`;
        drawings.show({ key: this.smiles, slot, name, size: SIZE });
      }
      this.dispatchEvent(new CustomEvent("delicate-scored", { detail: row, bubbles: true }));
    } catch (error) {
      if (signal.aborted || isCancelled(error)) return;
      this.#show(this.#drawing(), this.#words(sentence(error), true));
      this.dispatchEvent(new CustomEvent("delicate-error", { detail: error, bubbles: true }));
    }
  }

  #drawing(): HTMLElement {
    const text = element("code", { class: "smiles" }, this.smiles);
    return element("div", { class: "drawing", attributes: { part: "drawing" } }, text);
  }

  #words(text: string, fault = false): HTMLElement {
    const role = fault ? "alert" : "status";
    const made = element("p", { class: fault ? "words fault" : "words soft" }, text);
    made.setAttribute("role", role);
    made.setAttribute("part", "message");
    return made;
  }

  #values(row: Row & { error: null }, endpoints: ReturnType<typeof chosen>): HTMLElement {
    const body = element("tbody");
    let before = "";
    for (const { endpoint, place } of endpoints) {
      const prediction = row.predictions[place];
      if (prediction === undefined) continue;
      const { group = "", title, description, name } = endpoint;
      if (group !== before && group !== "") {
        const head = element(
          "th",
          { scope: "rowgroup", colSpan: 2, class: "group" },
          capital(group),
        );
        body.append(element("tr", {}, head));
      }
      before = group;
      const { domain } = prediction;
      const line = element(
        "tr",
        { attributes: { part: "value" } },
        element(
          "th",
          { scope: "row", title: description, attributes: { part: "name" } },
          title || name,
        ),
        element(
          "td",
          { class: "number", title: domain === null ? "" : BANDS[domain] },
          ...estimate(prediction, endpoint, true),
        ),
      );
      if (domain !== null) line.dataset.domain = domain;
      line.dataset.endpoint = name;
      body.append(line);
    }
    const table = element(
      "table",
      { attributes: { part: "values", "aria-label": "Predictions" } },
      body,
    );
    const known = row.predictions.some(({ domain }) => domain !== null);
    // Scrolled by keyboard where there are many.
    const scrolled = element(
      "div",
      {
        class: "scrolled",
        tabIndex: 0,
        attributes: {
          role: "region",
          "aria-label": `Values of ${this.getAttribute("label") ?? this.smiles}`,
        },
      },
      table,
    );
    return element(
      "div",
      { class: "words" },
      ...scoredAs(row.standardization),
      scrolled,
      ...(known ? [legend()] : []),
    );
  }

  #show(...parts: Node[]): void {
    const name = this.getAttribute("label") ?? "";
    const caption =
      name === "" ? [] : [element("figcaption", { attributes: { part: "label" } }, name)];
    this.shadowRoot?.replaceChildren(
      element("figure", { class: "one", attributes: { part: "molecule" } }, ...caption, ...parts),
    );
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Two selected rows, beside each other. */

import { picture } from "../../package/src/drawing/library.js";
import { draw } from "../../package/src/drawing/picture.js";
import * as format from "../../package/src/format.js";
import type { Session } from "../../package/src/session.js";
import type { App } from "../app.js";
import { element, find } from "../dom.js";
import { nameOf } from "../naming.js";
import type { Selection } from "../selection.js";
import { comparison } from "./comparison.js";
import { closeBeside } from "./dialog.js";

/** Pixels for a unit of a drawing. */
const SIZE = 1.4;

export function comparePanel(app: App, selection: Selection): void {
  const dialog = find("compare", HTMLDialogElement);
  const body = find("compare-body", HTMLElement);
  const open = find("compare-open", HTMLButtonElement);

  /** The first two scored rows, in the order in which they were selected, and whether just these are; null where there are none. */
  const pair = (): [Session, number, number, boolean] | null => {
    const { session } = app;
    if (session === null) return null;
    const scored: number[] = [];
    let selected = 0;
    for (const row of selection.rows) {
      selected += 1;
      if (session.rows[row]?.state === "scored") scored.push(row);
      if (scored.length === 2 && selected > 2) break;
    }
    const [first, second] = scored;
    if (first === undefined || second === undefined) return null;
    return [session, first, second, selected === 2];
  };
  const offer = (): void => {
    const chosen = pair();
    open.hidden = chosen === null;
    open.textContent = chosen?.[3] === false ? "Compare the first two" : "Compare these two";
  };
  const show = (): void => {
    const chosen = pair();
    if (chosen === null) return;
    const session = chosen[0];
    const rows = [chosen[1], chosen[2]];
    const names = rows.map((row) => nameOf(session, row) || `Row ${format.count(row + 1)}`) as [
      string,
      string,
    ];
    const endpoints = app.model?.endpoints ?? [];
    const [first = [], second = []] = rows.map((row) =>
      endpoints.map((_, endpoint) => session.scores.estimate(row, endpoint)),
    );
    const slots = names.map(() => element("div", { class: "drawing large" }));
    const [reference, other] = names;
    const heads: [string, string, string] = [...names, "Difference"];
    const values = element(
      "section",
      { class: "wide", tabIndex: 0, attributes: { "aria-label": "Values of both" } },
      comparison(endpoints, heads, first, second),
    );
    body.replaceChildren(
      element(
        "div",
        { class: "compared" },
        ...slots.map((slot, place) =>
          element(
            "figure",
            {},
            slot,
            element(
              "figcaption",
              {},
              names[place] ?? "",
              ...(place === 0 ? [element("span", { class: "unit" }, " reference")] : []),
            ),
          ),
        ),
      ),
      values,
      element(
        "p",
        { class: "hint" },
        `Difference: ${other} minus ${reference}, which was selected first. “Within both intervals”: each value lies in the other’s 90 % interval, so the two may well be equal; “within one”: in one of the two.`,
      ),
    );
    dialog.showModal();
    void drawBoth(session, rows, slots, names);
  };

  selection.changed.on(offer);
  app.changed.session.on(offer);
  app.changed.rows.on(offer);
  open.addEventListener("click", show);
  find("viewport", HTMLElement).addEventListener("keydown", (event) => {
    if (event.key !== "c" || event.ctrlKey || event.metaKey || event.altKey) return;
    show();
  });
  closeBeside(dialog);
}

async function drawBoth(
  session: Session,
  rows: number[],
  slots: HTMLElement[],
  names: string[],
): Promise<void> {
  const blocks = await session.blocks(rows).catch((): null[] => []);
  for (const [place, slot] of slots.entries()) {
    const block = blocks[place] ?? null;
    const made = block === null ? null : await picture(block).catch(() => null);
    if (made === null) {
      const text = session.rows[rows[place] ?? -1]?.standardization?.smiles ?? "";
      slot.append(element("code", { class: "smiles" }, text));
    } else slot.append(draw(made, `Structure of ${names[place]}`, SIZE));
  }
}

/** A molecule with its atoms tinted by what each adds to a prediction. */

import type { AtomMark } from "../../package/src/drawing/picture.js";
import * as format from "../../package/src/format.js";
import type { Endpoint, Explanation } from "../../package/src/protocol.js";
import { contributions, direction, effect, extremes, largest, pieces } from "../attribution.js";
import { element, spoken } from "../dom.js";

/** Shares smaller than this part of the largest have no number on the drawing. */
const NUMBERED = 0.2;

/** `caption`: beside the drawing, where the endpoint is chosen. `onChosen`: the shares of all atoms, in the order of the SMILES, are to be drawn. */
export function atomContributions(
  endpoints: Endpoint[],
  explanation: Explanation,
  caption: HTMLElement,
  onChosen: (shares: Omit<AtomMark, "atom">[], title: string) => void,
): HTMLElement[] {
  const parts = pieces(explanation);
  const symbols: string[] = [];
  const atoms: HTMLDataElement[] = [];
  const line = element("code", { class: "smiles atoms", attributes: { role: "group" } });
  for (const { text, atom } of parts) {
    if (atom === null) line.append(text);
    else {
      const made = element(
        "data",
        { class: "atom", tabIndex: atom === 0 ? 0 : -1, attributes: { role: "img" } },
        text,
      );
      symbols[atom] = text;
      atoms[atom] = made;
      line.append(made);
    }
  }
  const readout = element("p", { class: "readout" });
  // One at the drawing, one at the line of text.
  const scales = [scaleOf(), scaleOf()] as const;

  let chosen = 0;
  let summary = "";
  const name = (atom: number): string => `atom ${atom + 1}, ${symbols[atom] ?? "?"},`;
  const say = (atom: number): string => {
    const unit = explanation.units[chosen] ?? "";
    return `${name(atom)} ${effect(contributions(explanation, chosen)[atom] ?? 0, unit)}`;
  };
  const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

  const draw = (endpoint: number): void => {
    chosen = endpoint;
    const { title = "" } = endpoints[endpoint] ?? {};
    const unit = explanation.units[endpoint] ?? "";
    const values = contributions(explanation, endpoint);
    const most = largest(values);
    atoms.forEach((made, atom) => {
      const value = values[atom] ?? 0;
      made.value = String(value);
      made.title = `Atom ${atom + 1}, ${symbols[atom] ?? "?"}: ${format.signed(value)}${unit === "" ? "" : ` ${unit}`}`;
      made.setAttribute("aria-label", sentence(say(atom)));
      made.dataset.direction = direction(value);
      made.style.setProperty(
        "--strength",
        `${most === 0 ? 0 : Math.round((Math.abs(value) / most) * 100)}%`,
      );
    });
    line.setAttribute(
      "aria-label",
      `${explanation.smiles}: its atoms and their contributions to ${title}. The arrow keys move between them.`,
    );
    onChosen(
      values.map((value) => {
        const strength = most === 0 ? 0 : Math.abs(value) / most;
        const text = strength >= NUMBERED ? format.signed(value) : "";
        return { strength, direction: direction(value), text };
      }),
      title,
    );
    for (const scale of scales) scale.set(most, unit);
    const { raises, lowers } = extremes(values);
    const found = [raises, lowers].flatMap((atom) => (atom === null ? [] : [say(atom)]));
    summary = found.length === 0 ? "No atom changes it." : `Strongest: ${found.join("; ")}.`;
    readout.textContent = summary;
  };

  const at = (target: EventTarget | null): number => atoms.indexOf(target as HTMLDataElement);
  const show = (target: EventTarget | null): void => {
    const atom = at(target);
    readout.textContent = atom === -1 ? summary : sentence(say(atom));
  };
  line.addEventListener("pointerover", (event) => show(event.target));
  line.addEventListener("pointerleave", () => show(document.activeElement));
  line.addEventListener("focusin", (event) => {
    atoms.forEach((made) => (made.tabIndex = made === event.target ? 0 : -1));
    show(event.target);
  });
  line.addEventListener("focusout", () => show(null));
  line.addEventListener("keydown", (event) => {
    const from = at(event.target);
    const steps: Record<string, number> = {
      ArrowRight: from + 1,
      ArrowDown: from + 1,
      ArrowLeft: from - 1,
      ArrowUp: from - 1,
      Home: 0,
      End: atoms.length - 1,
    };
    const to = steps[event.key];
    if (from === -1 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    atoms[Math.min(Math.max(to, 0), atoms.length - 1)]?.focus();
  });

  const choice = element(
    "select",
    { class: "contribution-endpoint" },
    ...endpoints.map(({ title }, place) => element("option", { value: String(place) }, title)),
  );
  choice.addEventListener("change", () => draw(Number(choice.value)));
  draw(0);
  caption.replaceChildren(
    ...(endpoints.length > 1
      ? [element("label", {}, "Atom contributions to ", choice)]
      : [`Atom contributions to ${endpoints[0]?.title ?? "the prediction"}`]),
    scales[0].element,
  );
  return [
    element("h3", {}, "Which atoms drive it"),
    element("p", { class: "structure" }, spoken("As it was scored: "), line),
    scales[1].element,
    readout,
    element(
      "p",
      { class: "hint" },
      "An atom’s contribution is the prediction minus the prediction with that atom hidden from the model. Contributions need not add up to the prediction.",
    ),
  ];
}

/** What the colours mean: from what lowers the value most to what raises it most. */
function scaleOf(): { element: HTMLElement; set(most: number, unit: string): void } {
  const low = element("span");
  const high = element("span");
  const ramp = element("span", { class: "ramp", attributes: { "aria-hidden": "true" } });
  return {
    element: element("p", { class: "scale" }, low, ramp, high),
    set(most, unit) {
      low.replaceChildren("lowers ", element("span", { class: "number" }, format.signed(-most)));
      high.replaceChildren(
        element("span", { class: "number" }, format.signed(most)),
        ` raises${unit === "" ? "" : ` (${unit})`}`,
      );
    },
  };
}

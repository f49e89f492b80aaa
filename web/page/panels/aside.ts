/** The tables that were put aside, each to be brought back. */

import * as format from "../../package/src/format.js";
import { type App, type Aside, type Input, MOST_ASIDE } from "../app.js";
import { element, find } from "../dom.js";

/** So many are shown without being asked for. */
const SHOWN = 3;
/** Characters of a list's first line. */
const FIRST = 24;

/** What an aside is called: its file, or a list by its beginning. */
export function asideName({ input }: Pick<Aside, "input">): string {
  if (input.text === null) return input.source.name;
  const first =
    input.text
      .trim()
      .split(/\r\n|\r|\n/)[0]
      ?.trim() ?? "";
  const shown = first.length > FIRST ? `${first.slice(0, FIRST).trimEnd()}…` : first;
  return `the list that begins with ${shown.replaceAll(/\s+/g, " ")}`;
}

/** `isLarge`: too large to be kept over a reload. */
export function asidePanel(
  app: App,
  { isLarge, onShow }: { isLarge(aside: Aside): boolean; onShow(input: Input): void },
): void {
  const panel = find("aside", HTMLElement);
  const list = find("aside-list", HTMLUListElement);
  const more = find("aside-more", HTMLButtonElement);
  const note = find("aside-note", HTMLElement);
  let all = false;
  /** What had to make room, until something else changes. */
  let gone = "";

  const line = (aside: Aside): HTMLLIElement => {
    const name = asideName(aside);
    const fate = aside.cleared
      ? " were cleared, and are not kept for a reload."
      : isLarge(aside)
        ? " were put aside. They are too many to be kept for a reload."
        : " were put aside.";
    const button = (kind: string, words: string, act: () => void): HTMLButtonElement => {
      const made = element(
        "button",
        { type: "button", class: kind, attributes: { "aria-label": `${words}: ${name}` } },
        words,
      );
      made.addEventListener("click", act);
      return made;
    };
    return element(
      "li",
      {},
      element(
        "span",
        { class: "aside-text" },
        "The scores of ",
        element("strong", {}, name),
        ` (${format.plural(aside.scored, "row")})${fate}`,
      ),
      button("aside-back", "Bring back", () => {
        onShow(aside.input);
        void app.bringBack(aside);
      }),
      button("quiet aside-drop", "Dismiss", () => {
        app.dropAside(aside);
        // It is gone, and the focus with it.
        list.querySelector("button")?.focus();
      }),
    );
  };
  const draw = (): void => {
    const { asides } = app;
    panel.hidden = asides.length === 0 && gone === "";
    const shown = all ? asides : asides.slice(0, SHOWN);
    list.replaceChildren(...shown.map(line));
    more.hidden = asides.length <= SHOWN;
    more.textContent = all ? "Show fewer" : `Show ${asides.length - SHOWN} more put aside`;
    more.setAttribute("aria-expanded", String(all));
    const oldest = asides.at(-1);
    const full =
      asides.length < MOST_ASIDE || oldest === undefined
        ? ""
        : `No more than ${MOST_ASIDE} tables are put aside: the next takes the place of ${asideName(oldest)}. Bring back what you need and export it, or dismiss another.`;
    note.textContent = [gone, full].filter(Boolean).join(" ");
    note.hidden = note.textContent === "";
  };
  more.addEventListener("click", () => {
    all = !all;
    draw();
  });
  app.changed.asides.on(() => {
    gone = "";
    draw();
  });
  app.changed.letGo.on((aside) => {
    gone = `The scores of ${asideName(aside)} (${format.plural(aside.scored, "row")}), put aside first, are gone.`;
    draw();
    app.announce(gone);
  });
}

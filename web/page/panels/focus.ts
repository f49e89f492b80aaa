/**
 * Where what has the focus is hidden, as a button that is gone once it was pressed, the focus goes
 * on to what is left: a keyboard would start at the top of the page, and a screen reader be lost.
 */

import { find } from "../dom.js";

export function keepFocus(): void {
  new MutationObserver(() => {
    const focused = document.activeElement;
    const hidden = focused?.closest("[hidden]");
    if (focused != null && hidden != null) heir(focused, hidden)?.focus();
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["hidden"] });
}

function heir(focused: Element, hidden: Element): HTMLElement | undefined {
  // A button's own place may have another.
  const beside = hidden === focused ? [...(focused.parentElement?.children ?? [])] : [];
  const results = find("results", HTMLElement);
  return [
    ...beside.filter((one) => one instanceof HTMLButtonElement),
    focused.closest("dialog")?.querySelector<HTMLElement>("form[method=dialog] button"),
    focused.closest("footer") === null ? null : find("offline", HTMLElement),
    results.contains(focused) ? find("viewport", HTMLElement) : null,
    find("score", HTMLButtonElement),
    find("cancel", HTMLButtonElement),
  ].find(
    (one): one is HTMLElement => one instanceof HTMLElement && one.getClientRects().length > 0,
  );
}

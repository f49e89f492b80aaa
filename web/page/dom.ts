/** Making and finding elements. */

export { element, spoken } from "../package/src/dom.js";

/** The element of this id, which index.html is known to have. */
export function find<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} #${id}`);
  return found;
}

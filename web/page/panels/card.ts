/** The model card, which the build has put into the page. */

import { find } from "../dom.js";
import { closeBeside } from "./dialog.js";

export function cardPanel(): void {
  const dialog = find("card", HTMLDialogElement);
  closeBeside(dialog);
  find("card-open", HTMLButtonElement).addEventListener("click", () => dialog.showModal());
}

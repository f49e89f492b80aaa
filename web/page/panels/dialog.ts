/** What the page's dialogs share. */

/** Closes a dialog by a click beside it. */
export function closeBeside(dialog: HTMLDialogElement): void {
  // Such a click lands on the dialog itself, not on its content.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

/** Where the user pastes molecules or chooses a file, and starts and ends the scoring. */

import * as format from "../../package/src/format.js";
import type { Source } from "../../package/src/protocol.js";
import type { Session } from "../../package/src/session.js";
import type { App, Input } from "../app.js";
import { find } from "../dom.js";
import example from "../example.smi?raw";
import * as fragment from "../fragment.js";

/** How long the link's button says what became of the link. */
const LINK_NOTE_MS = 2_500;

/** Files that were not opened are told by name, up to so many. */
const NAMED = 3;

/** What takes text itself. */
const TYPED = "textarea, input, select";

/** Of several files chosen at once: which is opened. Empty for one alone. */
export function othersWords(first: string, rest: readonly string[]): string {
  if (rest.length === 0) return "";
  const named = rest.slice(0, NAMED).join(", ");
  const more = rest.length > NAMED ? ` and ${format.count(rest.length - NAMED)} more` : "";
  return `Only one file is opened at a time, here ${first}. Not opened: ${named}${more}.`;
}

export interface InputPanel {
  focusScore(): void;
  /** Scores the molecules of the page's address, once there are engines. */
  readLink(): void;
  /** Whether a file was chosen that is not open yet. */
  isReading(): boolean;
  /** Shows what a table was made from that is opened without the user's choosing it. */
  show(input: Input): void;
  /** Shows what has all of what was open before, and a row more. */
  showJoined(input: Input): void;
  /** The file that is open in the place of the list. */
  readonly file: string | null;
  /** What was pasted has more to a row than a line with a SMILES and a name, which cannot be added. */
  readonly isTable: boolean;
  /** Opens what was pasted, unless it is open. */
  open(): Promise<Session | null>;
  /**
   * Adds lines to the pasted ones. A file is put aside for them, and the list is scored; whether
   * that was so.
   */
  add(lines: string[]): boolean;
  /** Whether just one of the pasted lines begins with that SMILES. */
  canCorrect(wrong: string): boolean;
  /** Puts a SMILES in the place of that in the pasted lines; false where it is not to be found. */
  correct(wrong: string, right: string): boolean;
  /** Scores other text in the place of what was pasted. */
  replace(text: string): void;
}

/** Whether a text is of mol blocks or of cells rather than a SMILES and a name a line. */
export function isTable(text: string): boolean {
  if (/^(M {2}END|\$\$\$\$)/m.test(text)) return true;
  const first = text.split("\n").find((line) => !/^\s*(#|$)/.test(line)) ?? "";
  const [token = ""] = first.trim().split(/\s/);
  const cells = first.split("\t");
  return (
    /[,;]/.test(token.replaceAll(/\[[^\]]*\]/g, "")) ||
    token.startsWith('"') ||
    cells.length > 2 ||
    (cells.length === 2 && /smiles/i.test(cells[1] ?? ""))
  );
}

/** What is typed into or chosen from. */
const FIELDS = "textarea, input, select";

export function inputPanel(app: App): InputPanel {
  const paste = find("paste", HTMLElement);
  const text = find("smiles", HTMLTextAreaElement);
  const fileLine = find("file", HTMLElement);
  const fileName = find("file-name", HTMLElement);
  const fileSize = find("file-size", HTMLElement);
  const others = find("others", HTMLElement);
  const score = find("score", HTMLButtonElement);
  const cancel = find("cancel", HTMLButtonElement);
  const picker = find("picker", HTMLInputElement);
  const link = find("link", HTMLButtonElement);
  const drop = find("drop", HTMLElement);
  const tableOf = find("table-of", HTMLElement);
  const replaced = find("replaced", HTMLElement);
  const replacedText = find("replaced-text", HTMLElement);

  /** The chosen file; pasted text counts when there is none. */
  let file: Source | null = null;
  /** Counts what was chosen, so that the last choice holds and not the last to be read. */
  let choices = 0;
  /** Files that were chosen and are not in memory yet. */
  let reading = 0;

  /** Says so where the table is of another list than the one in the box. */
  const drawTableOf = (): void => {
    const shown = file === null ? text.value : "";
    const other = shown.trim() !== "" && app.input !== null && app.input.text !== shown;
    if (other && tableOf.hidden) app.announce(tableOf.textContent ?? "");
    tableOf.hidden = !other;
    drawButtons();
  };
  /** While a table is being scored another list can be, and is as soon as it is asked for. */
  const drawButtons = (): void => {
    const scoring = app.phase === "scoring";
    score.hidden = scoring && tableOf.hidden;
    cancel.hidden = !scoring;
  };
  const put = (value: string): void => {
    text.value = value;
    setReplaced("");
    drawTableOf();
  };
  /** What was typed and something else took the place of; empty where nothing was. */
  let before = "";
  const setReplaced = (typed: string, words = ""): void => {
    before = typed;
    replaced.hidden = typed === "";
    replacedText.textContent = words;
    if (typed !== "") app.announce(words);
  };
  /** Puts a text in the place of another, which can be had again unless its scores are aside. */
  const overwrite = (value: string, words: string): void => {
    const typed = text.value.trim();
    const isOwn = typed !== "" && typed !== value.trim() && typed !== example.trim();
    const isAside = app.asides.some(({ input }) => input.text?.trim() === typed);
    put(value);
    if (isOwn && !isAside) setReplaced(typed, words);
  };

  const input = (): Input | null => {
    if (file !== null) return { source: file, text: null };
    const pasted = text.value;
    if (pasted.trim() === "") {
      app.complain({
        text: "Paste some SMILES, choose a file, draw a molecule, or press Example.",
      });
      text.focus();
      return null;
    }
    const bytes = new TextEncoder().encode(pasted);
    return { source: { name: "pasted.txt", bytes }, text: pasted };
  };
  const scoreAll = (): void => {
    const given = input();
    if (given !== null) void app.score(given);
  };

  /** The text takes the place of a file, whose scores are put aside. */
  const leaveFile = (): void => {
    if (file === null) return;
    showFile(null);
    app.putAside();
  };
  /** Nothing of what is open is to stay. */
  const forget = (): void => {
    showFile(null);
    app.forget();
  };
  const showFile = (chosen: Source | null): void => {
    choices += 1;
    others.hidden = true;
    file = chosen;
    fileLine.hidden = chosen === null;
    drawTableOf();
    paste.hidden = chosen !== null;
    link.hidden = chosen !== null;
    if (chosen === null) {
      picker.value = "";
      return;
    }
    fileName.textContent = chosen.name;
    fileSize.textContent = format.bytes(chosen.bytes.length);
  };
  /** Opens the first of several files, and says that the others were not. */
  const openFiles = (files: Iterable<File>): void => {
    const [first, ...rest] = files;
    if (first === undefined) return;
    void openFile(
      first,
      rest.map(({ name }) => name),
    );
  };
  const openFile = async (chosen: File, rest: string[]): Promise<void> => {
    choices += 1;
    const choice = choices;
    let bytes: Uint8Array;
    reading += 1;
    try {
      bytes = new Uint8Array(await chosen.arrayBuffer());
    } catch {
      if (choice !== choices) return;
      app.say("");
      app.complain({ text: `${chosen.name} could not be read. Folders cannot be opened.` });
      return;
    } finally {
      reading -= 1;
    }
    if (choice !== choices) return;
    const source = { name: chosen.name, bytes };
    // It takes the place of the text, which is kept.
    showFile(source);
    others.textContent = othersWords(chosen.name, rest);
    others.hidden = rest.length === 0;
    if (rest.length > 0) app.announce(others.textContent);
    const session = await app.open({ source, text: null });
    if (session === null) {
      // Where another is open again, it has its name again, and the text that was typed.
      const { input } = app;
      if (file === source && input !== null) showFile(input.text === null ? input.source : null);
      return;
    }
    app.say(`${chosen.name} opened: ${format.plural(session.rows.length, "row")}.`);
    score.focus();
  };

  const drawScore = (): void => {
    const { pending = 0, scored = 0 } = app.session?.counts ?? {};
    const begun = pending > 0 && scored > 0 && tableOf.hidden;
    score.textContent = begun ? `Score the remaining ${format.count(pending)}` : "Score";
  };
  const drawPhase = (): void => {
    const scoring = app.phase === "scoring";
    const focused = document.activeElement === cancel || document.activeElement === score;
    drawButtons();
    cancel.textContent = "Cancel";
    drawScore();
    // One takes the other's place, and the focus with it.
    if (focused) (scoring ? cancel : score).focus();
  };
  app.changed.phase.on(drawPhase);
  app.changed.session.on(() => {
    drawTableOf();
    drawScore();
  });

  score.addEventListener("click", scoreAll);
  cancel.addEventListener("click", () => {
    app.cancel();
    cancel.textContent = "Cancelling…";
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    // Other fields have other buttons, and dialogs their own.
    const { target } = event;
    const elsewhere = target !== text && target instanceof Element && target.matches(FIELDS);
    if (elsewhere || document.querySelector("dialog[open]") !== null) return;
    event.preventDefault();
    if (!score.hidden) scoreAll();
  });
  text.addEventListener("input", () => {
    score.textContent = "Score";
    drawTableOf();
  });
  find("example", HTMLButtonElement).addEventListener("click", () => {
    leaveFile();
    overwrite(example.trimEnd(), "The example took the place of your text.");
    text.scrollTop = 0;
    score.textContent = "Score";
    score.focus();
    app.complain(null);
  });
  find("replaced-back", HTMLButtonElement).addEventListener("click", () => {
    const typed = before;
    leaveFile();
    overwrite(typed, "The text from before took the place of yours.");
    score.textContent = "Score";
    text.focus();
  });
  find("clear", HTMLButtonElement).addEventListener("click", () => {
    history.replaceState(null, "", location.pathname + location.search);
    forget();
    overwrite("", "Your text was cleared.");
    text.focus();
  });
  link.addEventListener("click", async () => {
    const written = fragment.write(text.value);
    if (written === null) {
      const why =
        text.value.trim() === ""
          ? "There is no pasted text to link to."
          : `Too long for a link (limit about ${format.count(fragment.LONGEST)} characters).`;
      app.complain({ text: why });
      return;
    }
    app.complain(null);
    // Only when asked for: addresses end up in the browser's history.
    history.replaceState(null, "", written);
    try {
      await navigator.clipboard.writeText(location.href);
      link.textContent = "Link copied";
    } catch {
      link.textContent = "Link is in the address bar";
    }
    app.say(`${link.textContent}.`);
    setTimeout(() => {
      link.textContent = "Copy link";
    }, LINK_NOTE_MS);
  });
  find("choose", HTMLButtonElement).addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    openFiles(picker.files ?? []);
    // So that the same file, changed meanwhile, can be chosen again.
    picker.value = "";
  });
  find("file-remove", HTMLButtonElement).addEventListener("click", () => {
    forget();
    text.focus();
  });

  window.addEventListener("dragover", (event) => {
    const types = event.dataTransfer?.types ?? [];
    if (!types.includes("Files") && !types.includes("text/plain")) return;
    if (!types.includes("Files") && (event.target as Element).matches(TYPED)) return;
    event.preventDefault();
    if (!types.includes("Files")) return;
    drop.hidden = false;
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) drop.hidden = true;
  });
  window.addEventListener("drop", (event) => {
    drop.hidden = true;
    const files = event.dataTransfer?.files ?? [];
    if (files.length === 0) {
      const text = event.dataTransfer?.getData("text/plain") ?? "";
      if (event.target instanceof Element && event.target.matches(TYPED)) return;
      if (takeText(text)) event.preventDefault();
      return;
    }
    event.preventDefault();
    openFiles(files);
  });

  /** Text that was pasted or dropped where nothing takes it; whether it was taken. */
  const takeText = (pasted: string): boolean => {
    if (pasted.trim() === "" || document.querySelector("dialog[open]") !== null) return false;
    leaveFile();
    const first = text.value.trim() === "" || app.session !== null ? "" : text.value.trimEnd();
    if (first !== "") put(`${first}\n${pasted.trimEnd()}`);
    else overwrite(pasted.trimEnd(), "What was pasted took the place of your text.");
    score.textContent = "Score";
    score.focus();
    app.say("Pasted. Press Score to score it.");
    return true;
  };
  document.addEventListener("paste", (event) => {
    // As copied in a file manager; a spreadsheet adds a picture to the text that is meant.
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    const files = event.clipboardData?.files ?? [];
    if (pasted === "" && files.length > 0 && document.querySelector("dialog[open]") === null) {
      event.preventDefault();
      openFiles(files);
      return;
    }
    if (event.target instanceof Element && event.target.matches(TYPED)) return;
    if (takeText(pasted)) event.preventDefault();
  });

  /** The place of the only line that begins with a SMILES; null where there is none, or more. */
  const lineOf = (smiles: string): number | null => {
    const found = text.value
      .split("\n")
      .flatMap((line, at) => (line.trim().split(/\s+/)[0] === smiles ? [at] : []));
    return found.length === 1 ? (found[0] ?? null) : null;
  };

  const readLink = (): void => {
    const linked = fragment.read(location.hash);
    if (linked === null) return;
    if ("fault" in linked) {
      app.complain({ text: linked.fault });
      return;
    }
    leaveFile();
    overwrite(linked.text, "The molecules of the link took the place of your text.");
    // Whoever follows a link wants to see what it leads to.
    scoreAll();
  };
  window.addEventListener("hashchange", readLink);
  const linked = fragment.read(location.hash);
  if (linked !== null && "text" in linked) put(linked.text);

  return {
    focusScore: () => (score.hidden ? cancel : score).focus(),
    readLink,
    isReading: () => reading > 0,
    show({ source, text: pasted }) {
      showFile(pasted === null ? source : null);
      if (pasted === null) return;
      // What is open and scored is put aside, and comes back from there.
      const scored = app.session?.counts.scored ?? 0;
      if (pasted === "" || (scored > 0 && app.input?.text === text.value)) put(pasted);
      else overwrite(pasted, "The list took the place of your text.");
    },
    showJoined({ source, text: pasted }) {
      if (pasted === null) showFile(source);
      else put(pasted);
    },
    replace(other) {
      put(other);
      scoreAll();
    },
    get file() {
      return file?.name ?? null;
    },
    get isTable() {
      if (file !== null) return true;
      const isOpen = app.input !== null && app.input.text === text.value;
      return isOpen ? app.session !== null && app.session.format !== "smi" : isTable(text.value);
    },
    async open() {
      if (file !== null || app.input?.text === text.value) return app.session;
      const given = input();
      return given === null ? null : app.open(given);
    },
    canCorrect: (wrong) => file === null && lineOf(wrong) !== null,
    correct(wrong, right) {
      const lines = text.value.split("\n");
      const at = lineOf(wrong);
      if (at === null) return false;
      lines[at] = lines[at]?.replace(wrong, () => right) ?? right;
      put(lines.join("\n"));
      score.textContent = "Score";
      return true;
    },
    add(lines) {
      const besides = file !== null;
      leaveFile();
      const before = text.value.split("\n").filter((line) => line.trim() !== "");
      put([...before, ...lines.filter((line) => !before.includes(line))].join("\n"));
      score.textContent = "Score";
      if (besides) scoreAll();
      return besides;
    },
  };
}

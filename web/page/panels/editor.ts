/** The sketcher: change a molecule, and see what the model says of it before and after. */

import type { CanvasEditor, Molecule } from "openchemlib";
import { canBeDrawn, turned } from "../../package/src/drawing/block.js";
import { library } from "../../package/src/drawing/library.js";
import { DelicateError } from "../../package/src/errors.js";
import * as format from "../../package/src/format.js";
import type { Standardization } from "../../package/src/protocol.js";
import type { Estimate } from "../../package/src/scores.js";
import { type Session, scoreOne } from "../../package/src/session.js";
import { errorText } from "../../package/src/words.js";
import type { App } from "../app.js";
import { find } from "../dom.js";
import { nameOf, ownSmiles } from "../naming.js";
import { comparison } from "./comparison.js";
import { closeBeside } from "./dialog.js";
import type { InputPanel } from "./input.js";

export interface EditorPanel {
  /** Starts from a row's molecule. */
  edit(session: Session, row: number): Promise<void>;
}

/** Width of the sketcher's buttons, in pixels. */
const TOOLBAR = 46;
/** A drawing that rests as long is scored. */
const PAUSE_MS = 200;
const SKETCHER =
  "Sketcher, for a mouse or a finger. Control and V pastes a molecule; the SMILES field changes it by keyboard.";

/** A SMILES that somebody gave, and the drawing that is of the same molecule. */
interface Origin {
  smiles: string;
  /** Null where the sketcher could not draw it. */
  mark: string | null;
}

/** A drawing that was left without being added to a list. */
interface Left {
  molecule: Molecule;
  origin: Origin | null;
}

/** What is edited: a row, or a drawing of nobody's. */
interface Subject {
  session: Session;
  row: number;
  /** As the row was given; of a mol block, as it is drawn. */
  smiles: string;
  /** To draw it from; null where it cannot be drawn. */
  block: string | null;
}

export function editorPanel(
  app: App,
  {
    onClose,
    list,
  }: {
    onClose(row: number | null): void;
    list: Pick<
      InputPanel,
      "file" | "isTable" | "open" | "add" | "canCorrect" | "correct" | "showJoined"
    >;
  },
): EditorPanel {
  const dialog = find("editor", HTMLDialogElement);
  const title = find("editor-title", HTMLElement);
  const canvas = find("editor-canvas", HTMLElement);
  const values = find("editor-values", HTMLElement);
  const smiles = find("editor-smiles", HTMLInputElement);
  const state = find("editor-state", HTMLElement);
  const note = find("editor-note", HTMLElement);
  const aside = find("editor-aside", HTMLElement);
  const add = find("editor-add", HTMLButtonElement);
  const copy = find("editor-copy", HTMLButtonElement);
  const copyBlock = find("editor-block", HTMLButtonElement);
  const reset = find("editor-reset", HTMLButtonElement);
  const why = find("editor-why", HTMLElement);
  const join = find("editor-join", HTMLButtonElement);
  // Scrolled by keyboard where it is wider than its place.
  values.tabIndex = 0;
  let sketcher: CanvasEditor | null = null;
  /** What is compared with; one entry an endpoint. */
  let before: (Estimate | null)[] = [];
  let after: (Estimate | null)[] = [];
  let subject: Subject | null = null;
  /** What the subject is called. */
  let own = "";
  /** The SMILES that was given last; null where there was none. */
  let origin: Origin | null = null;
  let current = "";
  /** What scoring has made of it. */
  let done: Standardization | null = null;
  /** It is in the list, where the focus goes. */
  let added = false;
  let waiting: number | undefined;
  /** The trial under way, so that an older one is not shown over a newer. */
  let trial = new AbortController();
  /** Drawings that were left, by row; that of nobody's in the end. */
  const leftRows = new WeakMap<Session, Map<number, Left>>();
  let leftDrawing: Left | null = null;

  const isGiven = (): boolean => {
    if (origin === null) return false;
    if (sketcher === null || origin.mark === null) return true;
    return origin.mark === markOf(sketcher.getMolecule());
  };
  const isDrawn = (): boolean => (sketcher?.getMolecule().getAllAtoms() ?? 0) > 0;
  const isChanged = (): boolean =>
    subject === null ? isDrawn() : !isGiven() || origin?.smiles !== subject.smiles;

  const draw = (): void => {
    const endpoints = app.model?.endpoints ?? [];
    values.replaceChildren(comparison(endpoints, ["Before", "After", "Change"], before, after));
    smiles.value = current;
    smiles.removeAttribute("aria-invalid");
    note.textContent = noteWords(done);
    note.hidden = note.textContent === "";
    drawAdd();
  };
  /** Why what is drawn is not to be added or copied: the field holds something else. */
  const fieldWords = (): string => {
    const [typed = ""] = smiles.value.trim().split(/\s+/);
    if (smiles.getAttribute("aria-invalid") === "true")
      return "The field holds no molecule, so that there is nothing to add or to copy. Correct it and press Enter.";
    if (typed === current) return "";
    const before = current === "" ? "" : "The drawing and its values are of the molecule before: ";
    return `${before}Enter in the field draws and scores what it holds, which can then be added and copied.`;
  };
  const drawAdd = (): void => {
    const { file } = list;
    const scored = app.session?.counts.scored ?? 0;
    why.textContent = fieldWords();
    why.hidden = why.textContent === "";
    add.disabled = current === "" || !why.hidden;
    copy.disabled = add.disabled;
    copyBlock.disabled = !isDrawn() || !why.hidden;
    reset.hidden = subject === null || (!isChanged() && why.hidden);
    // What was not scored yet would not be put aside but lost; and a line is no row of a table.
    const corrects = subject !== null && isBroken(subject);
    const canCorrect = corrects && subject !== null && list.canCorrect(subject.smiles);
    add.hidden = file === null ? list.isTable && !canCorrect : scored === 0;
    join.hidden = !list.isTable || canCorrect || (file !== null && app.session === null);
    // Beside it the list is what puts the table aside.
    add.classList.toggle("primary", join.hidden);
    // The table has it already.
    const isSame = subject !== null && !corrects && !isChanged();
    join.disabled = add.disabled || app.phase !== "idle" || isSame;
    join.textContent = corrects ? "Correct it in the table" : "Add to the table";
    join.title =
      app.phase !== "idle"
        ? "The table is being scored."
        : isSame
          ? "Nothing is changed yet: the table has this molecule."
          : "";
    add.textContent =
      file !== null ? "Add to your list" : corrects ? "Correct it in the list" : "Add to the list";
    aside.hidden = file === null || add.hidden;
    const lines = subject === null || corrects ? "It is" : "The row and its change are";
    aside.textContent = `${lines} scored in your list; ${file ?? ""} is put aside meanwhile, and “Bring back” opens it again.`;
  };

  const score = async (): Promise<void> => {
    if (sketcher === null) return;
    trial.abort();
    trial = new AbortController();
    const { signal } = trial;
    const molecule = sketcher.getMolecule();
    const given = isGiven() ? origin : null;
    if (given === null && molecule.getAllAtoms() === 0) {
      show("", null, null, "Draw a molecule.");
      return;
    }
    const began = performance.now();
    state.textContent = "Scoring…";
    try {
      // The sketcher's own SMILES may be of another molecule; its mol block is not.
      const block = molecule.toMolfileV3();
      const wanted = given === null ? { molBlock: block } : { smiles: given.smiles };
      const { result, scores } = await scoreOne(app.engines, wanted, signal);
      const written = given?.smiles ?? (await drawnSmiles(block));
      if (signal.aborted) return;
      if (result.state === "scored") {
        const estimates = (app.model?.endpoints ?? []).map((_, place) => scores.estimate(0, place));
        const time = `Scored in ${Math.round(performance.now() - began)} ms.`;
        show(written, estimates, result.standardization, time);
      } else {
        // Nobody who draws sees the lines of a mol block.
        const why =
          result.error === null
            ? "it was not scored; change it once more"
            : errorText(result.error);
        show(
          written,
          null,
          null,
          format.sentence(why.replace(/ in line \d+ of the mol block/, "")),
        );
      }
    } catch (error) {
      if (signal.aborted || (error instanceof DelicateError && error.code === "cancelled")) return;
      state.textContent = format.sentence(error instanceof Error ? error.message : String(error));
    }
  };
  /** Shows what became of the drawing, whose SMILES is `written`; without estimates it has none. */
  const show = (
    written: string,
    estimates: (Estimate | null)[] | null,
    standardization: Standardization | null,
    words: string,
  ): void => {
    after = estimates ?? [];
    done = standardization;
    current = written;
    state.textContent = words;
    draw();
  };
  /** The SMILES of what a mol block draws; empty where it has none, which scoring says as well. */
  const drawnSmiles = async (block: string): Promise<string> => {
    try {
      return await app.engines.current.call("drawnSmiles", { block });
    } catch (error) {
      if (error instanceof DelicateError && error.code === "row") return "";
      throw error;
    }
  };
  const scoreSoon = (): void => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(() => void score(), PAUSE_MS);
  };

  /** The sketcher, once it is there and has its size; null where the dialog was closed by then. */
  const ready = async (): Promise<CanvasEditor | null> => {
    const { CanvasEditor } = await library();
    if (!dialog.open) return null;
    if (sketcher === null) {
      sketcher = new CanvasEditor(canvas);
      withinFrame(canvas);
      sketcher.setOnChangeListener(({ type, isUserEvent }) => {
        if (type === "molecule" && isUserEvent) scoreSoon();
      });
    }
    // A molecule is fitted into the canvas once that has its size.
    await painted();
    return dialog.open ? sketcher : null;
  };
  /** The molecule of a mol block of ours; an empty one where the sketcher would draw another. */
  const moleculeOf = async (block: string | null): Promise<Molecule> => {
    const { Molecule } = await library();
    if (block === null || !canBeDrawn(block)) return new Molecule(64, 64);
    const { clientWidth, clientHeight } = canvas;
    return Molecule.fromMolfile(turned(block, Math.max(1, clientWidth - TOOLBAR), clientHeight));
  };
  const markDrawn = (sketcher: CanvasEditor): void => {
    if (origin === null) return;
    const molecule = sketcher.getMolecule();
    origin.mark = molecule.getAllAtoms() === 0 ? null : markOf(molecule);
  };

  const open = async (block: string | null, left: Left | null): Promise<void> => {
    after = before;
    added = false;
    draw();
    state.textContent = "Loading the sketcher…";
    if (!dialog.open) dialog.showModal();
    try {
      const sketcher = await ready();
      if (sketcher === null) return;
      sketcher.setMolecule(left?.molecule ?? (await moleculeOf(block)));
      if (left !== null) {
        origin = left.origin;
        markDrawn(sketcher);
        await score();
        if (dialog.open) state.textContent = "Your drawing is back as you left it.";
        return;
      }
      markDrawn(sketcher);
      state.textContent =
        subject === null
          ? "Draw a molecule."
          : origin?.mark === null
            ? "The sketcher cannot draw this molecule; change its SMILES instead."
            : "Edit the drawing, and the values follow.";
      draw();
    } catch {
      state.textContent = "The sketcher could not be loaded; try again once the network is back.";
    }
  };
  /** The row of the subject as it came. */
  const openRow = async (
    { session, row, smiles: given, block }: Subject,
    left: Left | null,
  ): Promise<void> => {
    const { standardization = null, error = null } = session.rows[row] ?? {};
    const unread = error !== null && block === null;
    origin = unread ? null : { smiles: given, mark: null };
    current = unread ? "" : given;
    done = standardization;
    await open(block, left);
    if (!unread || left !== null || !dialog.open) return;
    smiles.value = given;
    refuse(errorText(error));
  };
  /** The field holds no molecule. */
  const refuse = (words: string): void => {
    smiles.setAttribute("aria-invalid", "true");
    state.textContent = format.sentence(words);
    drawAdd();
  };

  /** Draws and scores the SMILES that was typed. */
  const drawTyped = async (): Promise<void> => {
    const [typed = ""] = smiles.value.trim().split(/\s+/);
    try {
      const sketcher = await ready();
      if (sketcher === null) return;
      const block =
        typed === "" ? null : (await app.engines.current.call("depict", { smiles: typed })).block;
      sketcher.setMolecule(await moleculeOf(block));
      origin = typed === "" ? null : { smiles: typed, mark: null };
      markDrawn(sketcher);
      await score();
    } catch (error) {
      refuse(faultWords(error));
    }
  };

  find("draw", HTMLButtonElement).addEventListener("click", () => {
    subject = null;
    before = [];
    current = "";
    done = null;
    origin = null;
    own = "drawing";
    title.textContent = "Draw a molecule";
    void open(null, leftDrawing);
  });
  smiles.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    void drawTyped();
  });
  smiles.addEventListener("input", () => {
    smiles.removeAttribute("aria-invalid");
    drawAdd();
  });
  reset.addEventListener("click", () => {
    if (subject === null) return;
    trial.abort();
    window.clearTimeout(waiting);
    smiles.focus();
    void openRow(subject, null);
  });
  closeBeside(dialog);
  dialog.addEventListener("close", () => {
    trial.abort();
    window.clearTimeout(waiting);
    if (!added) keepLeft();
    onClose(added ? null : (subject?.row ?? null));
  });
  /** Keeps a drawing that is in no list, so that nothing is lost by Escape. */
  const keepLeft = (): void => {
    if (sketcher === null) return;
    const changed = current !== "" && isChanged();
    const left = changed
      ? { molecule: sketcher.getMolecule().getCompactCopy(), origin: isGiven() ? origin : null }
      : null;
    if (subject === null) {
      leftDrawing = left;
      if (left !== null) app.say("The drawing is kept: Draw… brings it back.");
      return;
    }
    const { session, row } = subject;
    const rows = leftRows.get(session) ?? new Map<number, Left>();
    leftRows.set(session, rows);
    if (left === null) rows.delete(row);
    else {
      rows.set(row, left);
      app.say(`The changed drawing of ${own} is kept: editing it again brings it back.`);
    }
  };
  join.addEventListener("click", async () => {
    if (join.disabled) return;
    join.disabled = true;
    const of = subject;
    const name = of !== null && isChanged() ? `${own}, edited` : own;
    const written = { smiles: current, block: await currentBlock(), name };
    if (of === null) leftDrawing = null;
    else leftRows.get(of.session)?.delete(of.row);
    added = true;
    dialog.close();
    const session = await list.open();
    const corrects = of !== null && isBroken(of) && of.session === session;
    const note =
      of === null ? "drawn" : corrects ? `corrected, was ${of.smiles}` : `from row ${of.row + 1}`;
    const row = { ...written, note, replaces: corrects ? of.row : null };
    const input = session === null ? null : await app.join(row);
    if (input !== null) list.showJoined(input);
    else app.complain({ text: "The molecule could not be put into the table." });
  });
  /** The mol block of what is to be added: of a SMILES that was given, that of its molecule. */
  const currentBlock = async (): Promise<string | null> => {
    if (!isGiven() && sketcher !== null) return sketcher.getMolecule().toMolfileV3();
    const depict = app.engines.current.call("depict", { smiles: current });
    return depict.then(({ block }) => block).catch(() => null);
  };
  app.changed.phase.on(() => {
    if (dialog.open) drawAdd();
  });
  add.addEventListener("click", () => {
    if (current === "") return;
    const line = `${current}\t${subject !== null && isChanged() ? `${own}, edited` : own}`;
    const corrects = subject !== null && isBroken(subject) ? subject.smiles : null;
    const lines =
      subject === null || corrects !== null ? [line] : [`${subject.smiles}\t${own}`, line];
    // It is in the list from here on.
    if (subject === null) leftDrawing = null;
    else leftRows.get(subject.session)?.delete(subject.row);
    added = true;
    const isFile = list.file !== null;
    const corrected = !isFile && corrects !== null && list.correct(corrects, current);
    const besides = !corrected && list.add(isFile ? [...new Set(lines)] : [line]);
    dialog.close();
    if (!besides)
      app.say(`${corrected ? "Corrected in" : "Added to"} the list. Press Score to score it.`);
  });
  const copyText = async (text: string): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      state.textContent = "Copied.";
    } catch {
      state.textContent = "This browser does not allow the page to copy.";
    }
  };
  copy.addEventListener("click", () => void copyText(current));
  copyBlock.addEventListener("click", () => {
    if (sketcher !== null) void copyText(sketcher.getMolecule().toMolfileV3());
  });

  return {
    async edit(session, row) {
      const { standardization = null, error = null } = session.rows[row] ?? {};
      if (standardization === null && error === null) return;
      const [block = null] = await session.blocks([row]).catch((): null[] => []);
      const smiles = ownSmiles(session, row) ?? (block === null ? null : await drawnSmiles(block));
      const text = smiles || standardization?.smiles;
      // A mol block that cannot be read is no text to correct.
      if (text === undefined) return;
      subject = { session, row, smiles: text, block };
      own = nameOf(session, row) || `row ${format.count(row + 1)}`;
      title.textContent = `Edit ${own}`;
      before = (app.model?.endpoints ?? []).map((_, place) => session.scores.estimate(row, place));
      await openRow(subject, leftRows.get(session)?.get(row) ?? null);
    },
  };
}

/** Whether it is a row with an error, which is to be corrected. */
const isBroken = ({ session, row }: Subject): boolean => session.rows[row]?.error != null;

/** What went wrong; of a molecule, with the place in it as the table counts it. */
function faultWords(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof DelicateError) || error.code !== "row") return message;
  // What is not drawn has its place in its words alone.
  const place = /position (\d+)/.exec(message)?.[1];
  return errorText({ message, position: place === undefined ? null : Number(place) });
}

/** What the values beside a drawing are of; empty where they are of all that is drawn. */
export function noteWords(done: Standardization | null): string {
  const changes = done === null ? [] : format.changes(done);
  if (done === null || changes.length === 0) return "";
  return `Scored as ${done.smiles} (${changes.join("; ")}).`;
}

/** The same for two drawings of one molecule, atom by atom; where they stand in the drawing is left out. */
export function markOf(molecule: Pick<Molecule, "getIDCode" | "toMolfileV3">): string {
  const block = molecule.toMolfileV3().split("\n").slice(3).join("\n");
  const table = block.replaceAll(/^(M {2}V30 \d+ [A-Za-z*]\S*) \S+ \S+ \S+/gm, "$1");
  // Which way a double bond points is in the code alone, once the places are gone.
  return `${molecule.getIDCode()}\n${table}`;
}

/** Keeps the sketcher's canvas beside its buttons; by itself it is as much wider as they are. */
function withinFrame(frame: HTMLElement): void {
  const root = frame.querySelector("[data-openchemlib-canvas-editor]")?.shadowRoot;
  const container = root?.querySelector<HTMLElement>("div");
  if (container != null) container.style.minWidth = "0";
  const drawing = root?.querySelector<HTMLElement>("canvas[tabindex]");
  drawing?.setAttribute("role", "application");
  drawing?.setAttribute("aria-label", SKETCHER);
}

/** The page was laid out and painted. */
const painted = (): Promise<void> =>
  new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));

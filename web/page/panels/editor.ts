/** The sketcher: change a molecule, and see what the model says of it before and after. */

import type { CanvasEditor } from "openchemlib";
import { turned } from "../../package/src/drawing/block.js";
import { library } from "../../package/src/drawing/library.js";
import { DelicateError } from "../../package/src/errors.js";
import * as format from "../../package/src/format.js";
import type { Estimate } from "../../package/src/scores.js";
import { Session } from "../../package/src/session.js";
import type { App } from "../app.js";
import { find } from "../dom.js";
import { nameOf } from "../naming.js";
import { comparison } from "./comparison.js";
import { closeBeside } from "./dialog.js";

export interface EditorPanel {
  /** Starts from a row's molecule. */
  edit(session: Session, row: number): Promise<void>;
}

/** Width of the sketcher's buttons, in pixels. */
const TOOLBAR = 46;
/** A drawing that rests as long is scored. */
const PAUSE_MS = 200;

export function editorPanel(
  app: App,
  { onClose, onAdd }: { onClose(row: number | null): void; onAdd(line: string): boolean },
): EditorPanel {
  const dialog = find("editor", HTMLDialogElement);
  const title = find("editor-title", HTMLElement);
  const canvas = find("editor-canvas", HTMLElement);
  const values = find("editor-values", HTMLElement);
  const smiles = find("editor-smiles", HTMLElement);
  const state = find("editor-state", HTMLElement);
  const add = find("editor-add", HTMLButtonElement);
  const copy = find("editor-copy", HTMLButtonElement);
  // Scrolled by keyboard where it is wider than its place.
  values.tabIndex = 0;
  let sketcher: CanvasEditor | null = null;
  /** What is compared with; one entry an endpoint. */
  let before: (Estimate | null)[] = [];
  let after: (Estimate | null)[] = [];
  let row: number | null = null;
  let name = "";
  let current = "";
  let waiting: number | undefined;
  /** The trial under way, so that an older one is not shown over a newer. */
  let trial = new AbortController();

  const draw = (): void => {
    const endpoints = app.model?.endpoints ?? [];
    values.replaceChildren(comparison(endpoints, ["Before", "After", "Change"], before, after));
    smiles.textContent = current;
    add.disabled = current === "";
    copy.disabled = current === "";
  };

  const score = async (): Promise<void> => {
    if (sketcher === null) return;
    trial.abort();
    trial = new AbortController();
    const { signal } = trial;
    const molecule = sketcher.getMolecule();
    if (molecule.getAllAtoms() === 0) {
      after = [];
      current = "";
      state.textContent = "Draw a molecule.";
      draw();
      return;
    }
    // Its SMILES may be of another molecule; its mol block is not.
    const bytes = new TextEncoder().encode(molecule.toMolfileV3());
    const began = performance.now();
    state.textContent = "Scoring…";
    let session: Session | null = null;
    try {
      session = await Session.open(app.engines, { name: "drawing.mol", bytes }, signal);
      const [given] = session.rows;
      if (given?.state !== "failed") {
        await session.score({ onProgress: () => undefined, onRows: () => undefined });
      }
      if (signal.aborted) return;
      const [scored] = session.rows;
      const scores = session.scores;
      if (scored?.state === "scored") {
        after = (app.model?.endpoints ?? []).map((_, endpoint) => scores.estimate(0, endpoint));
        current = scored.standardization?.smiles ?? "";
        // A fragment beside the molecule may be the one that was taken.
        const done = scored.standardization === null ? [] : format.changes(scored.standardization);
        const time = `Scored in ${Math.round(performance.now() - began)} ms`;
        state.textContent = format.sentence([time, ...done].join("; "));
      } else {
        after = [];
        current = "";
        // Nobody who draws sees the lines of a mol block.
        const why = scored?.error?.message ?? "no molecule";
        state.textContent = format.sentence(why.replace(/ in line \d+ of the mol block/, ""));
      }
      draw();
    } catch (error) {
      if (signal.aborted || (error instanceof DelicateError && error.code === "cancelled")) return;
      state.textContent = format.sentence(error instanceof Error ? error.message : String(error));
    } finally {
      session?.close();
    }
  };
  const scoreSoon = (): void => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(() => void score(), PAUSE_MS);
  };

  const open = async (block: string | null): Promise<void> => {
    after = before;
    draw();
    state.textContent = "Loading the sketcher…";
    if (!dialog.open) dialog.showModal();
    try {
      const { CanvasEditor, Molecule } = await library();
      if (!dialog.open) return;
      if (sketcher === null) {
        sketcher = new CanvasEditor(canvas);
        withinFrame(canvas);
      }
      sketcher.setOnChangeListener(({ type, isUserEvent }) => {
        if (type === "molecule" && isUserEvent) scoreSoon();
      });
      // It is fitted into the canvas once that has its size.
      await painted();
      if (!dialog.open) return;
      const { clientWidth, clientHeight } = canvas;
      const molecule =
        block === null
          ? new Molecule(64, 64)
          : Molecule.fromMolfile(turned(block, Math.max(1, clientWidth - TOOLBAR), clientHeight));
      sketcher.setMolecule(molecule);
      state.textContent =
        block === null ? "Draw a molecule." : "Edit the drawing, and the values follow.";
    } catch {
      state.textContent = "The sketcher could not be loaded; try again once the network is back.";
    }
  };

  find("draw", HTMLButtonElement).addEventListener("click", () => {
    row = null;
    before = [];
    current = "";
    name = "drawing";
    title.textContent = "Draw a molecule";
    void open(null);
  });
  closeBeside(dialog);
  dialog.addEventListener("close", () => {
    trial.abort();
    window.clearTimeout(waiting);
    onClose(row);
  });
  add.addEventListener("click", () => {
    if (current === "") return;
    const added = onAdd(`${current}\t${name}`);
    if (added) {
      row = null;
      dialog.close();
      app.say("Added to the list. Press Score to score it.");
    } else
      state.textContent =
        "A file is open, so there is no list to add it to. Copy its SMILES instead.";
  });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(current);
      state.textContent = "Copied.";
    } catch {
      state.textContent = "This browser does not allow the page to copy.";
    }
  });

  return {
    async edit(session, index) {
      const standard = session.rows[index]?.standardization?.smiles;
      if (standard === undefined) return;
      row = index;
      const own = nameOf(session, index) || `row ${format.count(index + 1)}`;
      name = `${own}, edited`;
      title.textContent = `Edit ${own}`;
      before = (app.model?.endpoints ?? []).map((_, place) =>
        session.scores.estimate(index, place),
      );
      current = standard;
      const drawn = await session.depict(standard).catch(() => null);
      await open(drawn?.block ?? null);
    },
  };
}

/** Keeps the sketcher's canvas beside its buttons; by itself it is as much wider as they are. */
function withinFrame(frame: HTMLElement): void {
  const root = frame.querySelector("[data-openchemlib-canvas-editor]")?.shadowRoot;
  const container = root?.querySelector<HTMLElement>("div");
  if (container != null) container.style.minWidth = "0";
}

/** The page was laid out and painted. */
const painted = (): Promise<void> =>
  new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));

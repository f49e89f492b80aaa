/** The page: what the user does on one side, engines and tables on the other. */

import * as built from "virtual:model";
import { drawBadge, waiting } from "./badge.js";
import { endpointList, modelCard, modelFacts } from "./card.js";
import { details, type Pending } from "./details.js";
import { element, find } from "./dom.js";
import { Engines, type EnginesState } from "./engines.js";
import example from "./example.smi?raw";
import * as format from "./format.js";
import * as fragment from "./fragment.js";
import { Meter } from "./meter.js";
import { keepOfflineCopy } from "./offline-copy.js";
import {
  type BackendName,
  type Columns,
  type Download,
  type EngineInfo,
  type ExportFormat,
  Failure,
  type Source,
} from "./protocol.js";
import { Session } from "./session.js";
import { ResultTable } from "./table.js";

const ui = {
  badge: find("engine", HTMLDetailsElement),
  badgeLabel: find("engine-label", HTMLElement),
  badgeFacts: find("engine-facts", HTMLElement),
  badgeChoice: find("engine-choice", HTMLElement),
  paste: find("paste", HTMLElement),
  text: find("smiles", HTMLTextAreaElement),
  file: find("file", HTMLElement),
  fileName: find("file-name", HTMLElement),
  fileSize: find("file-size", HTMLElement),
  fileRemove: find("file-remove", HTMLButtonElement),
  score: find("score", HTMLButtonElement),
  cancel: find("cancel", HTMLButtonElement),
  choose: find("choose", HTMLButtonElement),
  picker: find("picker", HTMLInputElement),
  example: find("example", HTMLButtonElement),
  link: find("link", HTMLButtonElement),
  clear: find("clear", HTMLButtonElement),
  progress: find("progress", HTMLElement),
  progressBar: find("progress-bar", HTMLProgressElement),
  progressText: find("progress-text", HTMLElement),
  message: find("message", HTMLElement),
  status: find("status", HTMLElement),
  chooser: find("chooser", HTMLElement),
  chooserWhy: find("chooser-why", HTMLElement),
  chooserForm: find("chooser-form", HTMLFormElement),
  chooserSmiles: find("chooser-smiles", HTMLSelectElement),
  chooserId: find("chooser-id", HTMLSelectElement),
  chooserCancel: find("chooser-cancel", HTMLButtonElement),
  results: find("results", HTMLElement),
  summary: find("summary", HTMLElement),
  fault: find("fault", HTMLElement),
  filter: find("filter", HTMLInputElement),
  onlyErrors: find("only-errors", HTMLInputElement),
  errorCount: find("error-count", HTMLElement),
  columns: find("columns", HTMLButtonElement),
  viewport: find("viewport", HTMLElement),
  cardLink: find("card-link", HTMLAnchorElement),
  modelFacts: find("model-facts", HTMLElement),
  endpoints: find("endpoints", HTMLElement),
  offline: find("offline", HTMLElement),
  update: find("update", HTMLButtonElement),
  forget: find("forget", HTMLButtonElement),
  details: find("details", HTMLDialogElement),
  detailsTitle: find("details-title", HTMLElement),
  detailsBody: find("details-body", HTMLElement),
  card: find("card", HTMLDialogElement),
  cardBody: find("card-body", HTMLElement),
  drop: find("drop", HTMLElement),
};

/** How often the spoken progress is renewed; more often would talk over everything else. */
const SPOKEN_MS = 6_000;

const absolute = ({ url, bytes, sha256 }: Download): Download => ({
  url: new URL(url, document.baseURI).href,
  bytes,
  sha256,
});
const engines = new Engines(
  {
    config: absolute(built.files.config),
    weights: absolute(built.files.weights),
    vocab: absolute(built.files.vocab),
    domain: built.files.domain === null ? null : absolute(built.files.domain),
  },
  built.moduleBytes,
  forcedBackend(),
  () => onEngines(engines.state),
);
const table = new ResultTable(ui.viewport, showDetails);

/** The chosen file; pasted text counts when there is none. */
let file: Source | null = null;
let session: Session | null = null;
/** The text that the open table came from; null for a file's. */
let openedText: string | null = null;
let model: EngineInfo["model"] | null = null;
/** A table is being opened or scored. */
let busy = false;
/** Aborted when the row in the dialog is no longer of interest. */
let explaining: AbortController | null = null;
/** The engines' last note, so that each is told once. */
let lastNote: string | null = null;

function forcedBackend(): BackendName | null {
  const asked = new URLSearchParams(location.search).get("backend");
  return asked === "cpu" || asked === "webgpu" ? asked : null;
}

// Engines and the model

function onEngines(state: EnginesState): void {
  drawBadge(
    { badge: ui.badge, label: ui.badgeLabel, facts: ui.badgeFacts, choice: ui.badgeChoice },
    state,
  );
  const info = [state.cpu, state.webgpu]
    .map((measure) => ("info" in measure ? measure.info : null))
    .find((info) => info !== null);
  if (model === null && info !== undefined && info !== null) {
    model = info.model;
    drawModel();
    if (session !== null) showTable(session);
  }
  if (state.broken) {
    const why = (state.note ?? "The engine could not be started").replace(/\.$/, "");
    complain(`${why}.${(session?.counts.scored ?? 0) > 0 ? " Rows scored so far are kept." : ""}`, {
      label: "Try again",
      run: () => void engines.start(),
    });
  } else if (state.note !== lastNote) {
    lastNote = state.note;
    if (state.note !== null) say(state.note);
  }
}

function drawModel(): void {
  const { config, weights, vocab, domain } = built.files;
  ui.modelFacts.replaceChildren(
    ...modelFacts(
      built.name,
      config.bytes + weights.bytes + vocab.bytes + (domain?.bytes ?? 0),
      model,
    ),
  );
  if (model !== null) ui.endpoints.replaceChildren(endpointList(model));
  ui.cardLink.href = built.files.card.url;
}

async function showCard(event: MouseEvent): Promise<void> {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  ui.card.showModal();
  try {
    const response = await fetch(built.files.card.url);
    if (!response.ok) throw new Error(String(response.status));
    ui.cardBody.replaceChildren(...modelCard(await response.text()));
  } catch {
    ui.cardBody.replaceChildren(
      element("p", { class: "message" }, "The model card could not be fetched."),
    );
  }
}

// Opening

/** Opens what the user gave, unless that is open already. */
async function openSource(): Promise<Session | null> {
  const text = ui.text.value;
  if (file === null && text.trim() === "") {
    complain("Paste some SMILES, choose a file, or press Example.");
    ui.text.focus();
    return null;
  }
  if (
    session !== null &&
    (file === null
      ? openedText === text
      : session.source.name === file.name && session.source.bytes === file.bytes)
  ) {
    return session;
  }
  return open(
    file ?? { name: "pasted.txt", bytes: new TextEncoder().encode(text) },
    file === null ? text : null,
  );
}

async function open(source: Source, text: string | null): Promise<Session | null> {
  quiet();
  ui.chooser.hidden = true;
  // A file can be dropped onto the details of another one's row.
  ui.details.close();
  await stop();
  session = null;
  setBusy(true);
  try {
    const opened = await Session.open(engines, source);
    session = opened;
    openedText = text;
    showTable(opened);
  } catch (error) {
    if (error instanceof Failure && error.columns !== null) {
      showChooser({ columns: error.columns, smiles: null, id: null }, source, text, error.message);
    } else complain(error instanceof Error ? error.message : String(error));
  } finally {
    setBusy(false);
    ui.results.hidden = session === null;
  }
  return session;
}

async function openFile(chosen: File): Promise<void> {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await chosen.arrayBuffer());
  } catch {
    complain(`${chosen.name} could not be read.`);
    return;
  }
  file = { name: chosen.name, bytes };
  ui.fileName.textContent = chosen.name;
  ui.fileSize.textContent = format.bytes(chosen.size);
  showFile(true);
  const opened = await openSource();
  if (opened === null) return;
  say(`${chosen.name} opened: ${format.plural(opened.rows.length, "row")}.`);
  ui.score.focus();
}

function removeFile(): void {
  file = null;
  ui.picker.value = "";
  showFile(false);
  forgetTable();
}

/** The file takes the place of the text, which is kept. */
function showFile(shown: boolean): void {
  ui.file.hidden = !shown;
  ui.paste.hidden = shown;
  ui.link.hidden = shown;
}

function forgetTable(): void {
  session?.cancel();
  session = null;
  openedText = null;
  ui.results.hidden = true;
  ui.chooser.hidden = true;
  quiet();
  drawScoreButton();
}

// Columns

let chooserUse: (smilesColumn: string, idColumn: string) => void = () => undefined;

function showChooser(
  { columns, smiles, id }: Columns,
  source: Source,
  text: string | null,
  why: string,
): void {
  const options = (none: string | null): HTMLOptionElement[] => [
    ...(none === null ? [] : [element("option", { value: "" }, none)]),
    ...columns.map((name) => element("option", { value: name }, name)),
  ];
  ui.chooserSmiles.replaceChildren(...options(null));
  ui.chooserId.replaceChildren(...options("none"));
  ui.chooserSmiles.selectedIndex = smiles ?? 0;
  ui.chooserId.selectedIndex = id === null ? 0 : id + 1;
  ui.chooserWhy.textContent = why;
  ui.chooser.hidden = false;
  ui.chooserSmiles.focus();
  chooserUse = (smilesColumn, idColumn) => {
    void open({ ...source, smilesColumn, ...(idColumn === "" ? {} : { idColumn }) }, text).then(
      (opened) => {
        if (opened !== null) ui.score.focus();
      },
    );
  };
}

// Scoring

async function scoreAll(): Promise<void> {
  if (busy) return;
  const current = await openSource();
  if (current === null) return;
  if (current.counts.pending === 0) {
    say("Every row is scored already.");
    return;
  }
  quiet();
  setBusy(true, true);
  const total = current.rows.length;
  const meter = new Meter();
  let spokenAt = Number.NEGATIVE_INFINITY;
  let clock = 0;
  const draw = (done: number): void => {
    const wait = waiting(engines.state);
    const left = meter.left(total - done);
    const parts = [`${format.count(done)} of ${format.plural(total, "row")}`];
    if (meter.rate !== null) parts.push(format.rate(meter.rate));
    else if (wait !== null) parts.push(wait);
    if (left !== null && done < total) parts.push(`${format.duration(left)} left`);
    ui.progressBar.value = total === 0 ? 0 : done / total;
    ui.progressText.textContent = parts.join(" · ");
    if (performance.now() - spokenAt > SPOKEN_MS) {
      spokenAt = performance.now();
      say(`Scoring: ${parts.join(", ")}.`);
    }
  };
  let latest = 0;
  const began = performance.now();
  try {
    clock = window.setInterval(() => draw(latest), 500);
    const outcome = await current.score({
      onProgress(done) {
        latest = done;
        meter.add(performance.now() / 1_000, done);
        draw(done);
      },
      onRows() {
        if (session === current) refreshTable(current);
      },
    });
    const { scored, failed } = current.counts;
    const seconds = (performance.now() - began) / 1_000;
    const parts = [
      `${format.count(scored)} scored`,
      ...(failed > 0 ? [format.plural(failed, "error")] : []),
    ];
    say(
      outcome === "finished"
        ? `Done: ${parts.join(", ")}, in ${format.duration(seconds)}.`
        : `Cancelled: ${parts.join(", ")}; Score goes on from there.`,
    );
  } catch {
    // The engines have said why.
  } finally {
    clearInterval(clock);
    setBusy(false);
    if (session === current) refreshTable(current);
  }
}

/** Ends the scoring in progress and waits for it to end. */
async function stop(): Promise<void> {
  session?.cancel();
  while (session?.scoring === true) await new Promise((resolve) => setTimeout(resolve, 30));
}

function setBusy(now: boolean, scoring = false): void {
  const hadFocus = document.activeElement === ui.cancel || document.activeElement === ui.score;
  busy = now;
  ui.score.hidden = scoring;
  ui.cancel.hidden = !scoring;
  ui.cancel.disabled = false;
  ui.cancel.textContent = "Cancel";
  ui.progress.hidden = !scoring;
  ui.columns.disabled = now;
  drawScoreButton();
  // One takes the other's place, and the focus with it.
  if (hadFocus) (scoring ? ui.cancel : ui.score).focus();
}

function drawScoreButton(): void {
  const begun = session !== null && session.counts.pending > 0 && session.counts.scored > 0;
  ui.score.textContent = begun
    ? `Score the other ${format.count(session?.counts.pending ?? 0)}`
    : "Score";
}

// The table

function showTable(shown: Session): void {
  ui.results.hidden = false;
  ui.filter.value = "";
  ui.onlyErrors.checked = false;
  table.filter({ filter: "", onlyErrors: false });
  table.show(
    { columns: shown.columns, endpoints: model?.endpoints ?? [], rows: shown.rows },
    `Results for ${shown.source.name}`,
  );
  // Where the structures are mol blocks, there is nothing to choose.
  ui.columns.hidden = shown.columns.smiles === null || shown.columns.columns.length < 2;
  ui.fault.hidden = shown.fault === null;
  ui.fault.textContent = `Only a part of ${shown.source.name} could be read: ${shown.fault ?? ""}.`;
  drawSummary(shown);
  drawScoreButton();
}

function refreshTable(shown: Session): void {
  table.refresh();
  drawSummary(shown);
}

function drawSummary(shown: Session): void {
  const { pending, scored, failed } = shown.counts;
  const parts = [format.plural(shown.rows.length, "row"), `${format.count(scored)} scored`];
  if (failed > 0) parts.push(format.plural(failed, "error"));
  if (pending > 0) parts.push(`${format.count(pending)} not scored`);
  if (table.shown !== shown.rows.length) parts.push(`${format.count(table.shown)} shown`);
  ui.summary.textContent = parts.join(" · ");
  ui.errorCount.textContent = `(${format.count(failed)})`;
}

function showDetails(index: number): void {
  const row = session?.rows[index];
  if (session === null || row === undefined) return;
  const name = session.columns.id === null ? undefined : row.fields[session.columns.id];
  ui.detailsTitle.textContent = `Row ${format.count(index + 1)}${name ? `: ${name}` : ""}`;
  const { elements, pending } = details(
    session.columns,
    model?.endpoints ?? [],
    row,
    built.files.domain !== null,
  );
  ui.detailsBody.replaceChildren(...elements);
  ui.details.showModal();
  if (pending !== null) void explain(session, index, pending);
}

/** Fills in the details of a row, unless they are closed before the answer comes. */
async function explain(shown: Session, index: number, pending: Pending): Promise<void> {
  explaining?.abort();
  explaining = new AbortController();
  const { signal } = explaining;
  const wait = shown.scoring
    ? "Waiting for the scoring to let this in"
    : (waiting(engines.state) ?? "Explaining the prediction");
  pending.wait(`${wait}…`);
  try {
    const explanation = await shown.explain(index, signal);
    if (!signal.aborted) pending.show(explanation);
  } catch (error) {
    if (!signal.aborted)
      pending.fail(
        `${(error instanceof Error ? error.message : String(error)).replace(/\.$/, "")}.`,
        () => void explain(shown, index, pending),
      );
  }
}

async function exportAs(kind: ExportFormat): Promise<void> {
  if (session === null) return;
  const { source } = session;
  try {
    const bytes = await session.export(kind);
    const types = { csv: "text/csv", json: "application/json", jsonl: "application/x-ndjson" };
    const stem = source.name.replace(/\.gz$/i, "").replace(/\.[^.]+$/, "");
    const url = URL.createObjectURL(
      new Blob([bytes as Uint8Array<ArrayBuffer>], { type: types[kind] }),
    );
    element("a", {
      href: url,
      download: `${stem === "pasted" ? "molecules" : stem}-scores.${kind}`,
    }).click();
    // The download has its own reference by then.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    say(`Exported ${kind.toUpperCase()}: ${format.bytes(bytes.length)}.`);
  } catch (error) {
    complain(`The export failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

// Messages

/** Told politely by a screen reader; seen elsewhere. */
function say(text: string): void {
  ui.status.textContent = text;
}

function complain(text: string, action?: { label: string; run: () => void }): void {
  ui.message.replaceChildren(text);
  if (action !== undefined) {
    const button = element("button", { type: "button" }, action.label);
    button.addEventListener("click", () => {
      quiet();
      action.run();
    });
    ui.message.append(" ", button);
  }
  ui.message.hidden = false;
}

function quiet(): void {
  ui.message.hidden = true;
}

// What the user does

ui.score.addEventListener("click", () => void scoreAll());
ui.cancel.addEventListener("click", () => {
  session?.cancel();
  ui.cancel.textContent = "Cancelling…";
});
ui.text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    void scoreAll();
  }
});
ui.text.addEventListener("input", () => {
  ui.score.textContent = "Score";
});
ui.example.addEventListener("click", () => {
  if (file !== null) removeFile();
  ui.text.value = example.trimEnd();
  ui.text.scrollTop = 0;
  ui.score.textContent = "Score";
  ui.score.focus();
  quiet();
});
ui.clear.addEventListener("click", () => {
  ui.text.value = "";
  history.replaceState(null, "", location.pathname + location.search);
  removeFile();
  ui.text.focus();
});
ui.link.addEventListener("click", async () => {
  const link = fragment.write(ui.text.value);
  if (link === null) {
    const empty = ui.text.value.trim() === "";
    complain(
      empty
        ? "There is no pasted text to link to."
        : `A link holds about ${format.count(fragment.LONGEST)} characters, fewer than were pasted.`,
    );
    return;
  }
  quiet();
  // Only when asked for: addresses end up in the browser's history.
  history.replaceState(null, "", link);
  try {
    await navigator.clipboard.writeText(location.href);
    say("Link copied.");
    ui.link.textContent = "Link copied";
  } catch {
    say("The link is in the address bar.");
    ui.link.textContent = "Link is in the address bar";
  }
  setTimeout(() => (ui.link.textContent = "Copy link"), 2_500);
});
ui.choose.addEventListener("click", () => ui.picker.click());
ui.picker.addEventListener("change", () => {
  const [chosen] = ui.picker.files ?? [];
  if (chosen !== undefined) void openFile(chosen);
});
ui.fileRemove.addEventListener("click", () => {
  removeFile();
  ui.text.focus();
});
ui.columns.addEventListener("click", () => {
  if (session !== null)
    showChooser(
      session.columns,
      session.source,
      openedText,
      "Choosing other columns starts over: scores so far are dropped.",
    );
});
ui.chooserForm.addEventListener("submit", (event) => {
  event.preventDefault();
  chooserUse(ui.chooserSmiles.value, ui.chooserId.value);
});
ui.chooserCancel.addEventListener("click", () => {
  ui.chooser.hidden = true;
  ui.score.focus();
});
ui.filter.addEventListener("input", () => {
  table.filter({ filter: ui.filter.value });
  if (session !== null) drawSummary(session);
});
ui.onlyErrors.addEventListener("change", () => {
  table.filter({ onlyErrors: ui.onlyErrors.checked });
  if (session !== null) drawSummary(session);
});
for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-format]")) {
  button.addEventListener("click", () => void exportAs(button.dataset.format as ExportFormat));
}
ui.details.addEventListener("close", () => {
  explaining?.abort();
  table.focusRow();
});
ui.cardLink.addEventListener("click", (event) => void showCard(event));
for (const dialog of [ui.details, ui.card]) {
  // A click beside the dialog's content lands on the dialog itself.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}
document.addEventListener("click", (event) => {
  if (!ui.badge.contains(event.target as Node)) ui.badge.open = false;
});
ui.badge.addEventListener("keydown", (event) => {
  if (event.key === "Escape") ui.badge.open = false;
});
window.addEventListener("dragover", (event) => {
  if (event.dataTransfer?.types.includes("Files") !== true) return;
  event.preventDefault();
  ui.drop.hidden = false;
});
window.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) ui.drop.hidden = true;
});
window.addEventListener("drop", (event) => {
  ui.drop.hidden = true;
  const [dropped] = event.dataTransfer?.files ?? [];
  if (dropped === undefined) return;
  event.preventDefault();
  void openFile(dropped);
});
window.addEventListener("hashchange", readFragment);

function readFragment(): void {
  const text = fragment.read(location.hash);
  if (text === null || text === ui.text.value) return;
  if (file !== null) removeFile();
  ui.text.value = text;
}

readFragment();
drawModel();
onEngines(engines.state);
// After the first paint, which nothing is to hold up.
requestAnimationFrame(() =>
  setTimeout(async () => {
    await engines.start();
    if (!engines.state.broken)
      await keepOfflineCopy({ status: ui.offline, update: ui.update, forget: ui.forget });
  }, 0),
);

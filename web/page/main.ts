/** The page: its parts put together. What they show is in app.ts, how they show it in panels/. */

import * as built from "virtual:model";
import { Engines } from "../package/src/engines.js";
import { browserWorkers } from "../package/src/launch.js";
import { App } from "./app.js";
import { assets, forcedBackend, launchPage } from "./first-worker.js";
import { cardPanel } from "./panels/card.js";
import { columnsPanel } from "./panels/columns.js";
import { comparePanel } from "./panels/compare.js";
import { detailsPanel, lineOf } from "./panels/details.js";
import { domainPanel } from "./panels/domain.js";
import { editorPanel } from "./panels/editor.js";
import { enginePanel } from "./panels/engine.js";
import { faultsPanel } from "./panels/faults.js";
import { keepFocus } from "./panels/focus.js";
import { helpPanel } from "./panels/help.js";
import { inputPanel } from "./panels/input.js";
import { keepingPanel } from "./panels/keeping.js";
import { messagesPanel } from "./panels/messages.js";
import { modelPanel } from "./panels/model.js";
import { keepOfflineCopy, offerRemoval } from "./panels/offline.js";
import { oneLinePanel } from "./panels/one-line.js";
import { plotsPanel } from "./panels/plots.js";
import { progressPanel } from "./panels/progress.js";
import { resultsPanel } from "./panels/results.js";
import { screeningPanel } from "./panels/screening.js";
import { Selection } from "./selection.js";

const { config, weights, vocab, domain } = built.files;
const bytes = config.bytes + weights.bytes + vocab.bytes + (domain?.bytes ?? 0);

const engines = new Engines(
  assets,
  built.moduleBytes,
  forcedBackend(),
  launchPage,
  browserWorkers(),
);
const app = new App(engines);
// In a thread of its own, while this one draws the page.
const started = engines.start();
keepFocus();
messagesPanel(app);
domainPanel(app);
enginePanel(app);
modelPanel(app, { name: built.name, bytes, parameters: built.parameters });
cardPanel();
helpPanel(app);
progressPanel(app);
const input = inputPanel(app);
oneLinePanel(app, { onLines: (text) => input.replace(text) });
columnsPanel(app, { onOpened: () => input.focusScore() });
const selection = new Selection();
const details = detailsPanel(app, {
  calibrated: domain !== null,
  beside: (row, step) => results.beside(row, step),
  onClose: (row) => results.focusRow(row),
  onEdit: (session, row) => void editor.edit(session, row),
  onSimilar: (line) => void screening.rank(line),
});
const editor = editorPanel(app, {
  onClose: (row) => (row === null ? input.focusScore() : results.focusRow(row)),
  list: input,
});
const results = resultsPanel(app, {
  selection,
  calibrated: domain !== null,
  ranked: () => screening.ranked(),
  onEdit: (session, row) => void editor.edit(session, row),
  onSimilar(session, row) {
    const line = lineOf(session, row);
    if (line === null) return;
    void screening.rank(line).then(() => {
      // The rows were put in another order under it.
      if (document.activeElement === document.body) results.focusRow(row);
    });
  },
  onOpen: (session, row) => details.show(session, row),
});
const screening = screeningPanel(app, {
  onRanked() {
    results.showRanking();
    keeping.onRanked();
  },
});
comparePanel(app, selection);
plotsPanel(app, {
  selection,
  table: results.table,
  onOpen: (session, row) => details.show(session, row),
});

const keeping = keepingPanel(app, {
  // Scores of another model are not shown again, nor those of a version that may compute otherwise.
  model: [config, weights, vocab, domain]
    .map((file) => file?.sha256 ?? "")
    .concat(built.code)
    .join(" "),
  results,
  screening,
  selection,
  onShow: (given) => input.show(given),
  isAwaited: () => input.isReading(),
});

faultsPanel(app);
input.readLink();

let begun = false;
const begin = async (): Promise<void> => {
  if (begun) return;
  begun = true;
  void keeping.restore();
  void offerRemoval();
  await started;
  if (!engines.state.broken) await keepOfflineCopy();
};
// After the first paint, which nothing is to hold up; out of sight there is none.
if (document.visibilityState === "hidden") void begin();
document.addEventListener("visibilitychange", begin, { once: true });
requestAnimationFrame(() => setTimeout(begin, 0));

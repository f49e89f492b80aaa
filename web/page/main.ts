/** The page: its parts put together. What they show is in app.ts, how they show it in panels/. */

import * as built from "virtual:model";
import { App } from "./app.js";
import { Engines } from "./engines.js";
import { cardPanel } from "./panels/card.js";
import { columnsPanel } from "./panels/columns.js";
import { detailsPanel } from "./panels/details.js";
import { enginePanel } from "./panels/engine.js";
import { inputPanel } from "./panels/input.js";
import { messagesPanel } from "./panels/messages.js";
import { modelPanel } from "./panels/model.js";
import { keepOfflineCopy } from "./panels/offline.js";
import { progressPanel } from "./panels/progress.js";
import { resultsPanel } from "./panels/results.js";
import type { BackendName, Download } from "./protocol.js";

function forcedBackend(): BackendName | null {
  const asked = new URLSearchParams(location.search).get("backend");
  return asked === "cpu" || asked === "webgpu" ? asked : null;
}

const absolute = ({ url, bytes, sha256 }: Download): Download => ({
  url: new URL(url, document.baseURI).href,
  bytes,
  sha256,
});
const { config, weights, vocab, domain } = built.files;
const model = {
  config: absolute(config),
  weights: absolute(weights),
  vocab: absolute(vocab),
  domain: domain === null ? null : absolute(domain),
};
const bytes = config.bytes + weights.bytes + vocab.bytes + (domain?.bytes ?? 0);

const engines = new Engines(model, built.moduleBytes, forcedBackend());
const app = new App(engines);
messagesPanel(app);
enginePanel(app);
modelPanel(app, { name: built.name, bytes });
cardPanel();
progressPanel(app);
const input = inputPanel(app);
columnsPanel(app, { onOpened: () => input.focusScore() });
const details = detailsPanel(app, {
  calibrated: domain !== null,
  onClose: () => results.focusRow(),
});
const results = resultsPanel(app, {
  onOpen: (session, row) => details.show(session, row),
});

// After the first paint, which nothing is to hold up.
requestAnimationFrame(() =>
  setTimeout(async () => {
    await engines.start();
    if (!engines.state.broken) await keepOfflineCopy();
  }, 0),
);

/** The badge: which engine scores, how fast each one is, and what went wrong. */

import { type EnginesState, label, type Measure } from "../../package/src/engines.js";
import * as format from "../../package/src/format.js";
import type { BackendName, Precision } from "../../package/src/protocol.js";
import type { App } from "../app.js";
import { element, find } from "../dom.js";

interface Parts {
  badge: HTMLElement;
  label: HTMLElement;
  facts: HTMLElement;
  choice: HTMLElement;
}

export function enginePanel(app: App): void {
  const parts = {
    badge: find("engine", HTMLDetailsElement),
    label: find("engine-label", HTMLElement),
    facts: find("engine-facts", HTMLElement),
    choice: find("engine-choice", HTMLElement),
  };
  const { badge } = parts;
  app.engines.changed.on(() => drawBadge(parts, app.engines.state));
  drawBadge(parts, app.engines.state);
  document.addEventListener("click", (event) => {
    if (!badge.contains(event.target as Node)) badge.open = false;
  });
  badge.addEventListener("keydown", (event) => {
    if (event.key === "Escape") badge.open = false;
  });
}

function drawBadge({ badge, label: text, facts, choice }: Parts, state: EnginesState): void {
  badge.dataset.backend = state.current ?? "";
  badge.dataset.state = state.broken
    ? "broken"
    : state.current === null
      ? "loading"
      : condition(state[state.current]);
  badge.dataset.settled = String(settled(state));
  setText(text, summary(state));
  facts.replaceChildren(...fact("cpu", state), ...fact("webgpu", state));
  if (state.note !== null)
    facts.append(element("dt", {}, "Note"), element("dd", { class: "note" }, state.note));
  const links: [string, BackendName | null][] = [
    ["Automatic", null],
    ["CPU", "cpu"],
    ["WebGPU", "webgpu"],
  ];
  // Links that reload, for an engine is chosen at the start. Drawn once: the focus may be on one.
  if (choice.hasChildNodes()) return;
  choice.append(
    "Use: ",
    ...links.map(([title, name]) =>
      name === state.forced
        ? element("strong", { attributes: { "aria-current": "true" } }, title)
        : element(
            "a",
            { href: `?${name === null ? "" : `backend=${name}`}${location.hash}` },
            title,
          ),
    ),
  );
}

const STARTING = "Starting the engine";

/** What keeps scoring waiting, while it does; without an ellipsis, for more may follow. */
export function waiting(state: EnginesState): string | null {
  if (state.current === null) return STARTING;
  const measure = state[state.current];
  if (measure.state !== "loading") return null;
  return measure.loading === null ? STARTING : loading(measure);
}

function settled(state: EnginesState): boolean {
  const open = (measure: Measure): boolean =>
    measure.state === "loading" || measure.state === "measuring";
  const untried = state.forced === null && state.webgpu.state === "idle" && !state.broken;
  return !open(state.cpu) && !open(state.webgpu) && !untried;
}

function condition(measure: Measure): string {
  return measure.state === "measured"
    ? measure.info.software
      ? "software"
      : "ready"
    : measure.state;
}

function summary(state: EnginesState): string {
  const { current } = state;
  if (state.broken) return "No engine could be started";
  if (current === null) return "Starting…";
  const measure = state[current];
  const parts: string[] = [label(current)];
  if (measure.state === "loading") parts.push(loading(measure));
  if (measure.state === "measuring" || measure.state === "measured") {
    if (current === "webgpu" && measure.info.adapter !== "") parts.push(measure.info.adapter);
    if (measure.info.software) parts.push("software adapter");
  }
  if (measure.state === "measuring") parts.push("measuring…");
  if (measure.state === "measured") parts.push(format.rate(measure.rate));
  if (state.forced === "webgpu" && current === "cpu") parts.push("WebGPU unavailable");
  return parts.join(" · ");
}

function loading({ loading }: Extract<Measure, { state: "loading" }>): string {
  if (loading === null) return "starting…";
  const what = loading.part === "module" ? "engine" : "model";
  return `loading ${what}, ${format.bytes(loading.loaded)} of ${format.bytes(loading.total)}`;
}

function fact(name: BackendName, state: EnginesState): HTMLElement[] {
  const term = element("dt", {}, label(name));
  if (state.current === name) term.append(" ", element("span", { class: "used" }, "in use"));
  return [term, element("dd", {}, describe(name, state))];
}

function describe(name: BackendName, { forced, ...state }: EnginesState): string {
  const measure = state[name];
  if (measure.state === "idle") return forced === null ? "not yet measured" : "not tried";
  if (measure.state === "loading") return loading(measure);
  if (measure.state === "unusable") return `not used: ${measure.why}`;
  // The CPU's own name would only say once more that it is the CPU.
  const adapter = [
    ...(name === "webgpu" ? [measure.info.adapter] : []),
    ...(measure.info.software ? ["software adapter"] : []),
  ]
    .filter((part) => part !== "")
    .join(", ");
  const speed = measure.state === "measured" ? format.rate(measure.rate) : "measuring…";
  const precision = PRECISIONS[measure.info.precision];
  return `${adapter === "" ? speed : `${speed} on ${adapter}`}, in ${precision}`;
}

const PRECISIONS: Record<Precision, string> = {
  int8: "8-bit integers",
  fp32: "single precision",
};

function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

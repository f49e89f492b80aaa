/** How far scoring has come, how fast it is, and how long it will take. */

import * as format from "../../package/src/format.js";
import type { App } from "../app.js";
import { find } from "../dom.js";
import { Meter } from "../meter.js";
import { waiting } from "./engine.js";

/** How often the spoken progress is renewed; more often would talk over everything else. */
const SPOKEN_MS = 6_000;
/** How often the remaining time is renewed between two batches. */
const TICK_MS = 500;

export function progressPanel(app: App): void {
  const panel = find("progress", HTMLElement);
  const bar = find("progress-bar", HTMLProgressElement);
  const text = find("progress-text", HTMLElement);
  let meter = new Meter();
  let done = 0;
  let spokenAt = Number.NEGATIVE_INFINITY;
  let clock: number | undefined;

  const draw = (): void => {
    const total = app.session?.rows.length ?? 0;
    const wait = waiting(app.engines.state);
    const left = meter.left(total - done);
    const parts = [`${format.count(done)} of ${format.plural(total, "row")}`];
    if (meter.rate !== null) parts.push(format.rate(meter.rate));
    else if (wait !== null) parts.push(wait);
    if (app.session?.early === true) parts.push("Loading their intervals and domains");
    if (left !== null && done < total) parts.push(`${format.duration(left)} left`);
    bar.value = total === 0 ? 0 : done / total;
    text.textContent = parts.join(" · ");
    if (performance.now() - spokenAt > SPOKEN_MS) {
      spokenAt = performance.now();
      app.say(`Scoring: ${parts.join(", ")}.`);
    }
  };

  app.changed.phase.on(() => {
    panel.hidden = app.phase === "idle";
    window.clearInterval(clock);
    if (app.phase === "opening") {
      // How long it takes is not known.
      bar.removeAttribute("value");
      const reading = (): void => {
        const wait = waiting(app.engines.state);
        text.textContent = wait === null ? "Reading the table…" : `${wait}…`;
      };
      clock = window.setInterval(reading, TICK_MS);
      reading();
    }
    if (app.phase !== "scoring") return;
    meter = new Meter();
    done = 0;
    spokenAt = Number.NEGATIVE_INFINITY;
    clock = window.setInterval(draw, TICK_MS);
  });
  app.changed.progress.on((now) => {
    // Rows are scored again.
    if (now < done) meter = new Meter();
    done = now;
    meter.add(performance.now() / 1_000, now);
    draw();
  });
}

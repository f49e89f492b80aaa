/** How the elements look. Constructed, because a Content-Security-Policy may forbid <style>. */

const CSS = `
:host {
  display: block;
  --ink: var(--delicate-ink, CanvasText);
  --surface: var(--delicate-surface, Canvas);
  --soft: var(--delicate-soft, color-mix(in srgb, var(--ink) 68%, var(--surface)));
  --line: var(--delicate-line, color-mix(in srgb, var(--ink) 18%, var(--surface)));
  --edge: var(--delicate-edge, color-mix(in srgb, var(--ink) 55%, var(--surface)));
  --accent: var(--delicate-accent, light-dark(#0d5c63, #7fd1c9));
  --accent-ink: var(--delicate-accent-ink, light-dark(#ffffff, #07282a));
  --fault: var(--delicate-fault, light-dark(#a3290f, #ff9f85));
  color: var(--ink);
  background: var(--surface);
  font: var(--delicate-font, 1rem/1.45 system-ui, sans-serif);
  border-radius: var(--delicate-radius, 0.5rem);
  margin-block: 1rem;
}
:host([hidden]), [hidden] { display: none !important; }
*, *::before { box-sizing: border-box; }
p, dl, dd, figure { margin: 0; }
code, textarea { font-family: var(--delicate-mono, ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

.spoken {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}
.soft { color: var(--soft); }
.fault { color: var(--fault); }
.smiles { overflow-wrap: anywhere; }
mark { color: inherit; background: color-mix(in srgb, var(--fault) 28%, var(--surface)); border-bottom: 2px solid var(--fault); }

.drawing { position: relative; display: flex; align-items: center; justify-content: center; min-width: 0; }
.drawing.drawn > code { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.molecule { display: block; max-width: 100%; max-height: 100%; overflow: visible; color: var(--ink); }
.molecule .bond { fill: none; stroke: currentcolor; stroke-linecap: round; }
.molecule .wedge { fill: currentcolor; stroke: none; }
.molecule text { fill: currentcolor; font-family: "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }
.molecule .hetero { color: color-mix(in srgb, var(--colour) 62%, var(--ink)); }

.band { print-color-adjust: exact; display: inline-block; width: 0.625rem; height: 0.625rem; margin-right: 0.375rem; border-radius: 50%; }
.band[data-domain] { border: 1.5px solid var(--accent); }
.band[data-domain="in"] { background: var(--accent); }
.band[data-domain="borderline"] { background: linear-gradient(90deg, var(--accent) 50%, transparent 50%); }
.band[data-domain="out"] { border-color: var(--soft); }
[data-domain="out"] data { color: var(--soft); }
data { font-variant-numeric: tabular-nums; }
.interval, .unit { color: var(--soft); font-size: 0.8125em; font-weight: 400; }

.legend { padding: 0.375rem 0; font-size: 0.8125em; }
.legend .band { margin-right: 0.25rem; }

.one { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; padding: 0.75rem; border: 1px solid var(--line); border-radius: inherit; }
.one .drawing { flex: 1 1 12rem; min-height: 6rem; max-height: var(--delicate-drawing, 14rem); }
.one .drawing svg { max-height: var(--delicate-drawing, 14rem); }
.one .words { flex: 1 1 16rem; min-width: 0; }
.one table { font-size: 1em; }
.scrolled { position: relative; max-height: var(--delicate-height, 30rem); overflow: auto; }
.one th, .one td { padding: 0.25rem 0; border: 0; }
.one th { padding-right: 1rem; font-weight: 400; }
.one th.group { padding-top: 0.5rem; color: var(--soft); font-size: 0.8125em; }
figcaption { flex: 1 0 100%; font-weight: 600; }

form { display: grid; gap: 0.5rem; }
label { font-weight: 600; }
textarea { width: 100%; min-height: 7rem; padding: 0.5rem 0.625rem; resize: vertical; color: inherit; background: transparent; font-size: 0.9375em; border: 1px solid var(--edge); border-radius: inherit; }
.actions { display: flex; flex-wrap: wrap; gap: 0.5rem 0.75rem; align-items: center; }
button { font: inherit; padding: 0.375rem 0.875rem; color: var(--ink); background: transparent; border: 1px solid var(--edge); border-radius: var(--delicate-radius, 0.5rem); cursor: pointer; }
button.first { color: var(--accent-ink); background: var(--accent); border-color: transparent; }
button:disabled { opacity: 0.55; cursor: default; }
.message { margin-top: 0.5rem; }
.results { container-type: inline-size; position: relative; margin-top: 0.75rem; max-height: var(--delicate-height, 30rem); overflow: auto; border: 1px solid var(--line); border-radius: inherit; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375em; }
th, td { padding: 0.375rem 0.625rem; text-align: left; vertical-align: middle; border-bottom: 1px solid var(--line); }
thead th { position: sticky; top: 0; background: var(--surface); z-index: 1; vertical-align: bottom; font-weight: 600; }
th .unit, td .interval, .changes { display: block; }
/* Few lines, however many columns are beside it. */
th .changes { min-width: 11rem; font-size: 0.8125em; font-weight: 400; }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; }
/* However wide the table is, beside the molecule and in sight. */
td.fault .why { position: sticky; left: 0.625rem; display: inline-block; max-width: max(9rem, 100cqi - 12.5rem); overflow-wrap: anywhere; }
tbody tr:last-child > * { border-bottom: 0; }
tbody .drawing { justify-content: flex-start; width: 9rem; height: 5rem; }
tbody .drawing code { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
`;

let sheet: CSSStyleSheet | null = null;

export function style(root: ShadowRoot): void {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  root.adoptedStyleSheets = [sheet];
}

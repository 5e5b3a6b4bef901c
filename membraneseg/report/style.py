"""Look and behaviour of the page: one style sheet, one small script, both inside the file."""

STYLE = """
:root { --ink:#1d2733; --faint:#66717f; --line:#e1e6eb; --soft:#f6f8fa; --accent:#2f7ed8; }
* { box-sizing:border-box; }
body { margin:0; background:#fff; color:var(--ink); line-height:1.5; font-size:15px;
  font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif; }
main { max-width:1160px; margin:0 auto; padding:40px 28px 80px; }
h1 { font-size:26px; font-weight:650; margin:0 0 2px; overflow-wrap:anywhere; }
h2 { font-size:18px; font-weight:650; margin:52px 0 12px; }
p { margin:0 0 10px; max-width:72ch; }
.faint, figcaption { color:var(--faint); font-size:13px; }
figcaption { margin-top:8px; max-width:90ch; }
figure { margin:0 0 28px; }
figure > img { width:100%; height:auto; display:block; }
.cards { display:flex; flex-wrap:wrap; gap:12px; margin:22px 0 18px; }
.card { flex:1 1 150px; border:1px solid var(--line); border-radius:8px; padding:12px 16px; }
.card b { display:block; font-size:24px; font-weight:600; line-height:1.25;
  font-variant-numeric:tabular-nums; }
.warnings { border-left:4px solid #e0a100; background:#fff9e8; padding:12px 18px 12px 34px;
  margin:0; border-radius:0 8px 8px 0; }
.warnings li { margin:3px 0; overflow-wrap:anywhere; }
.browser { display:grid; grid-template-columns:minmax(0,720px) minmax(200px,1fr); gap:0 28px; }
@media (max-width:860px) { .browser { grid-template-columns:1fr; } }
.stack { position:relative; background:#111; overflow:hidden; border-radius:4px; }
.level { display:none; position:absolute; inset:0; }
.level.on { display:block; }
.level > * { position:absolute; inset:0; width:100%; height:100%; }
.dimmed .tomogram { filter:brightness(.66); }
.without-probability .probability, .without-contours svg { display:none; }
svg path { fill:none; stroke-width:2; stroke-linejoin:round; vector-effect:non-scaling-stroke; }
svg path.inferred { stroke-dasharray:5 3; }
svg g { cursor:default; pointer-events:visiblePainted; }
svg g.lit path { stroke-width:4.5; }
.controls { display:flex; align-items:center; gap:8px 20px; margin:12px 0 0; grid-column:1; }
.layers { align-self:start; }
.layers label { display:flex; gap:8px; align-items:center; margin:0 0 6px; }
.layers p { margin:14px 0 0; }
.key { width:26px; height:0; border-top:2.5px solid var(--ink); display:inline-block;
  vertical-align:middle; margin-right:8px; }
.key.inferred { border-top:2.5px dashed #9aa4b0; }
.controls input[type=range] { flex:1 1 240px; accent-color:var(--accent); }
.controls output { min-width:17ch; text-align:right; font-variant-numeric:tabular-nums; }
.wide { overflow-x:auto; border:1px solid var(--line); border-radius:8px; }
table { border-collapse:collapse; width:100%; font-size:13.5px; }
th, td { padding:6px 9px; text-align:right; white-space:nowrap;
  font-variant-numeric:tabular-nums; }
th { white-space:normal; font-weight:600; background:var(--soft); vertical-align:bottom;
  line-height:1.25; }
th small { display:block; font-weight:400; color:var(--faint); }
td { border-top:1px solid var(--line); }
th.text, td.text { text-align:left; white-space:normal; min-width:16ch; }
th.name, td.name { text-align:left; }
table.sortable th { cursor:pointer; user-select:none; }
th[aria-sort]::after { content:" \\2191"; color:var(--accent); }
th[aria-sort=descending]::after { content:" \\2193"; }
tbody tr:hover { background:var(--soft); }
.swatch { display:inline-block; width:11px; height:11px; border-radius:3px; margin-right:8px; }
.plain { width:auto; min-width:min(100%,440px); }
.bar { display:inline-block; height:8px; background:var(--accent); border-radius:2px; opacity:.7; }
.bars { width:160px; text-align:left; }
pre { background:var(--soft); border:1px solid var(--line); border-radius:8px; padding:12px 16px;
  margin:0 0 14px; white-space:pre-wrap; overflow-wrap:anywhere; font-size:13px; }
dl { display:grid; grid-template-columns:max-content 1fr; gap:4px 20px; margin:0; }
dt { color:var(--faint); } dd { margin:0; overflow-wrap:anywhere; }
@media print { .controls { display:none; } h2 { break-after:avoid; } }
"""

SCRIPT = """
"use strict";
const browser = document.querySelector(".browser");
if (browser) {
  const levels = [...browser.querySelectorAll(".level")];
  const slider = browser.querySelector("input[type=range]");
  const place = browser.querySelector("output");
  const stack = browser.querySelector(".stack");
  const places = JSON.parse(browser.dataset.places);
  const show = () => {
    levels.forEach((level, k) => level.classList.toggle("on", k === Number(slider.value)));
    place.textContent = places[slider.value];
  };
  const overlay = () => {
    let any = false;
    browser.querySelectorAll("input[type=checkbox]").forEach(box => {
      stack.classList.toggle("without-" + box.name, !box.checked);
      any = any || box.checked;
    });
    stack.classList.toggle("dimmed", any);
  };
  slider.addEventListener("input", show);
  browser.addEventListener("change", overlay);
  show();
  overlay();
}
document.querySelectorAll("tr[data-label]").forEach(row => {
  const light = on => document.querySelectorAll('svg g[data-label="' + row.dataset.label + '"]')
    .forEach(group => group.classList.toggle("lit", on));
  row.addEventListener("mouseenter", () => light(true));
  row.addEventListener("mouseleave", () => light(false));
});
document.querySelectorAll("table.sortable").forEach(table => {
  const heads = [...table.tHead.rows[0].cells];
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const difference = Number(a) - Number(b);
    return Number.isNaN(difference) ? a.localeCompare(b) : difference;
  };
  const sort = (head, column) => {
    const turn = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", turn === 1 ? "ascending" : "descending");
    const value = row => row.cells[column].dataset.value;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const empty = (value(a) === "") - (value(b) === "");
      return empty || turn * compare(value(a), value(b));
    });
    table.tBodies[0].append(...rows);
  };
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.addEventListener("click", () => sort(head, column));
    head.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort(head, column);
    });
  });
});
"""

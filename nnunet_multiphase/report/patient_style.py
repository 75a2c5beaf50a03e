"""Hold the style of a patient's page, as the browser gets it."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d5dae0; --strong: #8c959f;
  --link: #0b5cad; --red: #c62f2f; --amber: #d99a00; --stripe: #f4f6f8; --lesion: #b14a00; --around: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e7eb; --soft: #9aa4af; --paper: #14171b; --line: #30363d; --strong: #6e7681; --link: #6cb2ff;
    --red: #e5534b; --amber: #d99a00; --stripe: #1c2127; --lesion: #ff9d4d; --around: #5ab4f0; }
}
body { color: var(--ink); background: var(--paper); max-width: 76rem; }
h2 { border-bottom-color: var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
caption { max-width: min(56rem, 85vw); }
small, nav, caption, figcaption { color: var(--soft); }
nav a { color: var(--link); }
thead th { border-bottom-color: var(--strong); }
thead th.number { white-space: normal; }
th, td { border-bottom-color: var(--line); padding: .3rem .5rem; }
.lead { font-weight: 600; }
.warnings { list-style: none; margin: .75rem 0; padding: 0; max-width: 60rem; }
.warnings li { border-left: 6px solid var(--strong); background: var(--stripe); margin: .4rem 0; padding: .4rem .75rem;
  overflow-wrap: anywhere; }
.warnings .failed { border-left-color: var(--red); }
.warnings .check { border-left-color: var(--amber); }
.warnings b { font-weight: 600; }
.sum { font-size: 1.1rem; max-width: none; }
.phases { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(46%, 15rem), 1fr)); gap: .5rem; }
.phases figure { margin: 0; }
.phases b { color: var(--ink); border-bottom: 2px solid var(--amber); font-weight: 600; }
.phases b.failed { border-bottom-color: var(--red); }
.phases svg { display: block; width: 100%; height: auto; background: #000; overflow: hidden; }
.phases path { fill: none; stroke: #ffe11a; stroke-width: 1.6px; vector-effect: non-scaling-stroke; }
.phases path.other { stroke-dasharray: 4 3; }
.phases line { stroke-width: 1.4px; vector-effect: non-scaling-stroke; }
.phases line.axial { stroke: #4fd6ff; }
.phases line.perpendicular { stroke: #ff9ee5; }
.phases text { font-size: calc(var(--wide) * .05); font-weight: 600; fill: #ffe11a; paint-order: stroke; stroke: #000;
  stroke-width: .14em; dominant-baseline: middle; }
.phases line.axial + text { fill: #4fd6ff; }
.phases line.perpendicular + text { fill: #ff9ee5; }
.facts { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; align-items: flex-start; margin: .5rem 0 2rem; }
.facts > div { flex: 0 1 24rem; min-width: min(100%, 16rem); }
.facts dl { flex: 1 1 20rem; columns: 14rem auto; column-gap: 2rem; margin: .75rem 0; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
.facts dl div { display: flex; justify-content: space-between; gap: 1rem; border-bottom: 1px solid var(--line);
  padding: .15rem 0; break-inside: avoid; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; text-align: right; white-space: nowrap; }
.curve { display: block; width: 100%; max-width: 24rem; height: auto; font-size: 11px; }
.curve text { fill: var(--soft); }
.curve .grid { stroke: var(--line); }
.curve polyline { fill: none; stroke-width: 2; }
.curve .lesion { stroke: var(--lesion); fill: var(--lesion); }
.curve .around { stroke: var(--around); fill: var(--around); }
.curve .around polyline { stroke-dasharray: 5 3; }
button { font: inherit; font-size: .85rem; color: var(--link); background: var(--stripe); border: 1px solid var(--strong);
  border-radius: 3px; padding: .2rem .6rem; cursor: pointer; }
#viewer:focus { outline: 2px solid var(--link); outline-offset: 6px; }
#viewer .jumps { display: flex; flex-wrap: wrap; gap: .35rem; margin: .75rem 0; }
#viewer .control { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem; margin: .75rem 0; }
#viewer .control input[type=range] { flex: 1 1 16rem; min-width: 10rem; }
#viewer output { font-variant-numeric: tabular-nums; min-width: 14rem; }
#viewer.plain .outlines { display: none; }
figure img { background: #fff; }
@media (max-width: 600px) {
  body { padding-left: .6rem; padding-right: .6rem; }
  .phases { gap: .3rem; }
  .phases text { font-size: calc(var(--wide) * .065); }
}
@media print {
  :root { color-scheme: light; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d5dae0; --strong: #8c959f;
    --stripe: #f4f6f8; --red: #c62f2f; --amber: #d99a00; --lesion: #b14a00; --around: #0072b2; }
  button { display: none; }
  h3 { break-after: avoid; }
  article { break-inside: avoid; }
  .phases { grid-template-columns: repeat(4, 1fr); }
  .facts { margin-bottom: .5rem; }
  .phases svg, .warnings li { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

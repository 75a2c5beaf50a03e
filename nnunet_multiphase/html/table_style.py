"""Hold the style of the page of an import's series, as the browser gets it."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d5dae0; --strong: #8c959f;
  --link: #0b5cad; --red: #c62f2f; --amber: #d99a00; --green: #3f9a5a; --bad: #b42318; --stripe: #f4f6f8;
  --used: #dcf1e2; --used-ink: #14532d; --look: #ffe7a8; --look-ink: #5c3d00; --none: #e3e7eb; --none-ink: #32383f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e7eb; --soft: #9aa4af; --paper: #14171b; --line: #30363d; --strong: #6e7681; --link: #6cb2ff;
    --red: #e5534b; --amber: #d99a00; --green: #57ab5a; --bad: #ff8f85; --stripe: #1c2127;
    --used: #1c3b27; --used-ink: #b5e6c3; --look: #4d3a00; --look-ink: #ffdf8f; --none: #30363d; --none-ink: #c9d1d9; }
}
body { max-width: 100rem; color: var(--ink); background: var(--paper); }
h2 { border-bottom-color: var(--line); }
nav { margin-bottom: -1rem; }
nav, nav a { color: var(--soft); }
nav a { color: var(--link); }
.counts { max-width: none; }
.counts > span { white-space: nowrap; margin-right: 1.25rem; }
.legend { font-size: .9rem; columns: 26rem auto; column-gap: 2.5rem; margin: .75rem 0; }
.legend div { break-inside: avoid; margin-bottom: .4rem; }
.legend dt { display: inline; font-weight: 600; }
.legend dt::after { content: ":"; }
.legend dd { display: inline; margin: 0; color: var(--soft); }
.wide { overflow-x: visible; }
#cases { width: 100%; }
#cases thead th { position: sticky; top: 0; background: var(--paper); box-shadow: inset 0 -2px var(--strong); border: 0;
  z-index: 1; white-space: nowrap; }
#cases tbody { border-bottom: 2px solid var(--line); break-inside: avoid; }
#cases td, #cases th { padding: .3rem .5rem; border: 0; }
#cases tbody tr:first-child td { padding-top: .5rem; }
#cases tbody th { font-weight: 600; width: 1px; padding-bottom: .5rem; border-left: 6px solid var(--line); }
#cases .lost > tr > th { border-left-color: var(--red); }
#cases .look > tr > th { border-left-color: var(--amber); }
#cases .used > tr > th { border-left-color: var(--green); }
#cases small { font-weight: 400; color: var(--soft); }
/* Rows of a given height stay so: what a picture is taller than them goes to the words below. */
#cases tbody tr { height: 2rem; }
#cases tbody .said { height: auto; }
#cases .said td { overflow-wrap: anywhere; padding-bottom: .6rem; }
#cases .said div { max-width: 60rem; }
#cases .said b { font-weight: 600; color: var(--soft); margin-right: .35rem; }
#cases .series { white-space: nowrap; }
#cases .planes { display: flex; gap: 4px; align-items: flex-start; margin-top: .3rem; min-height: 2rem; }
#cases .planes small { white-space: normal; width: 18rem; font-style: italic; }
#cases .planes img { display: block; background: #000; max-width: 190px; height: auto; }
#cases td.imagetype { font-size: .8em; line-height: 1.3; }
#cases .z, #cases .voxel { white-space: nowrap; }
#cases .little { color: var(--bad); font-weight: 600; }
.label { display: inline-block; padding: 0 .45rem; border-radius: .6rem; white-space: nowrap; }
.label.used { background: var(--used); color: var(--used-ink); }
.label.look { background: var(--look); color: var(--look-ink); }
.label.lost { background: var(--red); color: #fff; font-weight: 600; }
.label.passed, .label.none { background: var(--none); color: var(--none-ink); }
#cases th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-align: inherit; }
#cases th button::after { content: "\\a0↕"; color: var(--strong); }
#cases th[aria-sort=ascending] button::after { content: "\\a0▲"; color: inherit; }
#cases th[aria-sort=descending] button::after { content: "\\a0▼"; color: inherit; }
#tools input { font: inherit; width: 20rem; max-width: 100%; padding: .15rem .4rem; color: inherit;
  background: var(--stripe); border: 1px solid var(--strong); border-radius: 3px; }
#tools [role=status] { color: var(--soft); margin-left: .5rem; }
@media (max-width: 1500px) {
  #cases { font-size: .82rem; }
  #cases td, #cases th { padding: .2rem .35rem; }
  #cases .planes img { max-width: 150px; }
  #cases .planes small { width: 14rem; }
  #cases th:not([aria-sort]) button::after { content: none; }
  #cases th button { text-decoration: underline dotted; }
}
@media (max-width: 1050px) {
  body { padding-left: .5rem; padding-right: .5rem; }
  #cases { font-size: .72rem; }
  #cases thead th { white-space: normal; }
  #cases td, #cases th { padding: .2rem; }
  #cases .planes { flex-direction: column; }
  #cases .planes img { max-width: 110px; }
  #cases .planes small { width: 7rem; }
  #cases .series { white-space: normal; }
}
@media (max-width: 900px) {
  .wide { overflow-x: auto; }
  #cases { font-size: .67rem; }
  #cases td, #cases th { padding: .15rem; }
  #cases .planes img { max-width: 96px; }
  #cases .label { padding: 0 .3rem; }
}
@media print {
  @page { size: landscape; margin: 1cm; }
  body { max-width: none; }
  #tools { display: none !important; }
  #cases thead th { position: static; }
  #cases th button::after { content: none !important; }
  .label, #cases tbody th, #cases .planes img { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

"""Hold the style of the benchmark's page, as the browser gets it: the patient's, and what the plots need."""

from nnunet_multiphase.report.patient_style import STYLE as PATIENT_STYLE

STYLE = (
    PATIENT_STYLE
    + """
:root { --better: #0067a8; --worse: #b14a00; --level: #6a737d; }
@media (prefers-color-scheme: dark) { :root { --better: #5ab4f0; --worse: #ff9d4d; --level: #9aa4af; } }
h3 small { font-weight: 400; }
.standings td, .standings thead th { text-align: right; white-space: nowrap; }
.standings thead th { white-space: normal; }
.standings th:first-child, .standings td:first-child { text-align: left; }
.standings tbody th { font-weight: 600; white-space: nowrap; }
.standings tbody th:not([colspan]) { position: sticky; left: 0; background: var(--paper); }
.standings tbody th small { font-weight: 400; }
.standings td small { display: block; }
.standings tr.group th { padding-top: 1rem; border-bottom-color: var(--strong); text-align: left; }
.better { color: var(--better); }
.worse { color: var(--worse); }
b.better, b.worse { font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1.25rem 2.5rem;
  margin: 1rem 0; align-items: start; }
.plots figure { margin: 0; max-width: 30rem; }
.plots figcaption { font-weight: 600; color: var(--ink); padding: 0 0 .25rem; }
.plots figcaption small { font-weight: 400; }
.plot { display: block; width: 100%; height: auto; font-size: 11px; overflow: visible; }
.plot text { fill: var(--ink); font-variant-numeric: tabular-nums; }
.plot .axis text, .plot text.soft { fill: var(--soft); }
.plot .axis line, .plot path.grid { stroke: var(--line); fill: none; }
.plot path.zero { stroke: var(--strong); fill: none; }
.plot .dots circle { fill: var(--level); fill-opacity: .5; }
.plot .range { stroke: var(--level); stroke-width: 2.5; }
.plot .mark { fill: var(--level); stroke: var(--paper); stroke-width: 1.25; }
.plot .better .range { stroke: var(--better); } .plot .better .mark, .plot .better text.said { fill: var(--better); }
.plot .worse .range { stroke: var(--worse); } .plot .worse .mark, .plot .worse text.said { fill: var(--worse); }
.plot .range.thin { stroke-width: 1.25; }
.plot polyline { fill: none; stroke: var(--better); stroke-width: 1.25; stroke-opacity: .75; }
.plot polyline.training { stroke: var(--level); stroke-dasharray: 3 2; }
.plots.small { grid-template-columns: repeat(auto-fit, minmax(min(46%, 13rem), 1fr)); gap: 1rem 1.5rem; }
.numbers { list-style: none; margin: .5rem 0 1rem; padding: 0; display: flex; flex-wrap: wrap; gap: .15rem 1.25rem;
  font-size: .9rem; }
.numbers b { font-variant-numeric: tabular-nums; }
.contestants { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(46%, 14rem), 1fr)); gap: .6rem; }
.contestants figure { margin: 0; }
.contestants svg { display: block; width: 100%; height: auto; background: #000; overflow: hidden; }
.contestants path { fill: none; stroke-width: 1.5px; vector-effect: non-scaling-stroke; }
.contestants path.truth { stroke: #e69f00; stroke-width: 2.5px; }
.contestants path.prediction { stroke: #56b4e9; stroke-width: 1.75px; stroke-dasharray: 6 4; }
.contestants b { color: var(--ink); font-weight: 600; }
.key i { display: inline-block; width: 2rem; height: 1.1em; vertical-align: text-bottom; background: #3a3a3a;
  margin: 0 .35rem 0 1rem; }
.key i::before { content: ""; display: block; margin-top: .5em; border-top: 2px solid #e69f00; }
.key i.prediction::before { border-top: 2px dashed #56b4e9; }
.plots, .contestants, .standings { font-variant-numeric: tabular-nums; }
@media (max-width: 600px) { .contestants { gap: .35rem; } .standings { font-size: .85rem; } }
@media print {
  :root { --better: #0067a8; --worse: #b14a00; --level: #6a737d; }
  .plots { grid-template-columns: repeat(2, 1fr); }
  .plots.small, .contestants { grid-template-columns: repeat(4, 1fr); }
  .plots figure, .contestants figure { break-inside: avoid; }
  .contestants svg, .key i, .plot { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .standings { font-size: 7.5pt; }
}
"""
)

"""Hold the style of the cohort's page, as the browser gets it."""

STYLE = """
body { max-width: 100rem; }
nav { margin-bottom: -1rem; }
.counts { max-width: none; }
.counts > span { white-space: nowrap; margin-left: .75rem; }
.legend { font-size: .9rem; columns: 26rem auto; column-gap: 2.5rem; margin: .75rem 0; }
.legend div { break-inside: avoid; margin-bottom: .4rem; }
.legend dt { display: inline; font-weight: 600; }
.legend dt::after { content: ":"; }
.legend dd { display: inline; margin: 0; color: #424a53; }
#cases { width: 100%; }
#cases thead th { position: sticky; top: 0; background: #fff; box-shadow: inset 0 -2px #8c959f; border: 0; z-index: 1; }
#cases tbody { border-bottom: 2px solid #8c959f; break-inside: avoid; }
#cases tbody th { font-weight: 600; }
#cases tbody th.case { border-left: 6px solid #d5dae0; border-bottom: 0; }
#cases th.case div { width: 20rem; overflow-wrap: anywhere; }
#cases .failed > tr > th.case, #cases .doubtful > tr > th.case { border-left-color: #c62f2f; }
#cases .check > tr > th.case, #cases .warned > tr > th.case { border-left-color: #d99a00; }
#cases .fine > tr > th.case { border-left-color: #3f9a5a; }
#cases td, #cases th { padding: .25rem .6rem; }
/* Rows of a given height stay so: what a picture is taller than them goes to the warnings. */
#cases tbody tr { height: 1.9rem; }
#cases tbody .warnings { height: auto; }
#cases .warnings td { border-bottom: 0; overflow-wrap: anywhere; }
#cases thead th { white-space: normal; }
#cases small { font-weight: 400; color: #57606a; }
#cases img { display: block; width: 100%; height: auto; margin-top: .25rem; }
.label { display: inline-block; padding: 0 .45rem; border-radius: .6rem; white-space: nowrap; color: #424a53; }
.label.ok { background: #dcf1e2; color: #14532d; }
.label.check { background: #ffe7a8; color: #5c3d00; }
.label.failed { background: #c62f2f; color: #fff; font-weight: 600; }
.label.absent { background: #e3e7eb; color: #32383f; }
.gain { color: #57606a; }
.loss { color: #b42318; font-weight: 600; }
#cases th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-align: inherit; }
#cases th button::after { content: "\\a0↕"; color: #8c959f; }
#cases th[aria-sort=ascending] button::after { content: "\\a0▲"; color: inherit; }
#cases th[aria-sort=descending] button::after { content: "\\a0▼"; color: inherit; }
#tools input { font: inherit; width: 20rem; max-width: 100%; padding: .15rem .4rem; }
#tools [role=status] { color: #57606a; margin-left: .5rem; }
@media (max-width: 1450px) {
  #cases { font-size: .85rem; }
  #cases td, #cases th { padding: .2rem .35rem; }
  #cases th.case div { width: 14rem; }
}
@media (max-width: 1150px) {
  body { padding-left: .5rem; padding-right: .5rem; }
  #cases { font-size: .8rem; }
  #cases th, #cases td { padding: .2rem .3rem; }
  #cases th.case div { width: 11rem; }
  #cases th:not([aria-sort]) button::after { content: none; }
  #cases th button { text-decoration: underline dotted; }
  #cases tbody tr { height: 1.6rem; }
}
@media (max-width: 950px) {
  #cases { font-size: .75rem; }
  #cases th.case div { width: 10.5rem; }
}
@media print {
  @page { size: landscape; margin: 1cm; }
  body { max-width: none; }
  #tools { display: none !important; }
  #cases thead th { position: static; }
  #cases th button::after { content: none !important; }
  #cases th.case div { width: 6cm; }
  .label, #cases tbody th.case { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

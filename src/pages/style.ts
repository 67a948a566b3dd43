/** The style of every page, for narrow and wide, light and dark. */
export const style: string = `
:root { color-scheme: light dark; --paper: #ffffff; --panel: #f5f7fa; --ink: #1b2230; --quiet: #4a5468; --line: #d4dae4;
  --link: #1d4fbf; --good: #14684a; --bad: #a5281b;
  --series-1: #2563c9; --series-2: #c2410c; --series-3: #0f7b5f; --series-4: #a21caf;
  --series-5: #856404; --series-6: #475569; --series-7: #b91c1c; --series-8: #0e7490; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161f; --panel: #1a202c; --ink: #e6eaf2; --quiet: #aab4c5; --line: #343d4f;
  --link: #8fb6ff; --good: #5fd0a0; --bad: #ff9d8f;
  --series-1: #6ea8fe; --series-2: #fb923c; --series-3: #3ecf9b; --series-4: #e879f9;
  --series-5: #e0b93b; --series-6: #a3b1c6; --series-7: #f87171; --series-8: #38bdf8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
header, nav, main, footer { max-width: 88rem; margin: 0 auto; padding: 0 clamp(1rem, 3vw, 2.5rem); }
header { padding-top: 2rem; }
h1 { font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; margin: 0 0 0.5rem; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 3rem 0 0.75rem; padding-top: 0.75rem; border-top: 1px solid var(--line); }
p, ul, ol { max-width: 46rem; margin: 0.6rem 0; }
a { color: var(--link); }
code { font-family: ui-monospace, monospace; font-size: 0.92em; background: var(--panel); padding: 0.05em 0.3em; border-radius: 3px; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; } .skip:focus { left: 1rem; top: 0.5rem; background: var(--paper); padding: 0.3rem 0.6rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; list-style: none; padding: 0; margin: 1rem 0 0; max-width: none; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 10.5rem), 1fr)); gap: 0.75rem; margin: 1rem 0; }
.facts div { background: var(--panel); border-radius: 8px; padding: 0.6rem 0.9rem; }
.facts dt { color: var(--quiet); font-size: 0.88rem; } .facts dd { margin: 0; font-size: 1.25rem; font-weight: 600; }
.note { max-width: 46rem; margin: 0.75rem 0; padding: 0.5rem 0.9rem; border-left: 4px solid var(--quiet); background: var(--panel); }
.note strong { margin-right: 0.35em; } .good { border-color: var(--good); } .good strong { color: var(--good); }
.bad { border-color: var(--bad); } .bad strong { color: var(--bad); }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: 0 2.5rem; margin: 1.25rem 0 0; align-items: start; }
figure { margin: 0; min-width: 0; } .figures > .wide { grid-column: 1 / -1; }
.figures > figure { display: grid; grid-row: span 4; grid-template-rows: subgrid; grid-template-columns: minmax(0, 40rem); margin-bottom: 1.75rem; }
.figures > .wide { grid-template-columns: minmax(0, 1fr); }
.figures > .table { grid-row: span 4; margin-bottom: 1.75rem; }
@media (min-width: 58rem) { .figures > .broad { grid-column: span 2; } }
figcaption { margin-bottom: 0.4rem; } figcaption p { margin: 0.1rem 0 0; color: var(--quiet); font-size: 0.9rem; } .name { font-weight: 600; }
.drawing svg { display: block; width: 100%; height: auto; overflow: visible; } .wide .drawing svg { min-width: 44rem; max-width: 50rem; }
.drawing text { white-space: pre; font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: 0.1rem 1rem; list-style: none; padding: 0; margin: 0.3rem 0 0; font-size: 0.88rem; max-width: none; align-self: end; }
.legend svg { vertical-align: middle; margin-right: 0.4rem; }
.scroll { overflow-x: auto; max-width: 100%; container-type: inline-size;
  background: linear-gradient(90deg, var(--paper) 40%, transparent) 0 0 / 3rem 100% no-repeat local, linear-gradient(-90deg, var(--paper) 40%, transparent) 100% 0 / 3rem 100% no-repeat local,
    linear-gradient(90deg, var(--line), transparent) 0 0 / 1rem 100% no-repeat scroll, linear-gradient(-90deg, var(--line), transparent) 100% 0 / 1rem 100% no-repeat scroll; }
table { border-collapse: collapse; margin: 0.5rem 0; font-size: 0.92rem; overflow-wrap: normal; } caption { text-align: left; color: var(--quiet); padding-bottom: 0.3rem; } caption span { display: inline-block; position: sticky; left: 0; max-width: 100cqw; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid var(--line); text-align: left; } thead th { vertical-align: bottom; }
.number { text-align: right; font-variant-numeric: tabular-nums; } tbody .number, tbody .words { white-space: nowrap; } tbody th { font-weight: 500; }
tbody .long { white-space: normal; min-width: 13rem; } thead .long { white-space: normal; min-width: 9rem; }
details { margin: 0.6rem 0; } summary { cursor: pointer; } figure details { font-size: 0.88rem; color: var(--quiet); }
.fold > summary { font-weight: 600; font-size: 1.05rem; padding: 0.45rem 0.6rem; background: var(--panel); border-radius: 6px; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: 1rem; list-style: none; padding: 0; max-width: none; }
.gallery img { width: 100%; max-width: 7rem; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; display: block; background: var(--panel); }
.gallery span { display: block; font-size: 0.85rem; line-height: 1.35; margin-top: 0.25rem; }
footer { color: var(--quiet); font-size: 0.88rem; margin-top: 4rem; padding-bottom: 2.5rem; }
@media print { .skip, nav { display: none; } }
`;

"""The style of the dashboard: light and dark as the reader's system is, no fonts or images from elsewhere."""

from typing import Final

TEXT: Final = """:root {
  color-scheme: light dark;
  --ground: #ffffff; --raised: #f4f6f8; --line: #d5dbe1; --ink: #1b2530; --quiet: #566472; --accent: #0b5cad;
  --good: #17692f; --good-ground: #dff3e4; --warn: #7a4b00; --warn-ground: #fdeecd;
  --bad: #a1161f; --bad-ground: #fde2e3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12171d; --raised: #1b222b; --line: #323d49; --ink: #e4e9ee; --quiet: #a0adba; --accent: #7cb8ff;
    --good: #8fdda5; --good-ground: #16351f; --warn: #f3c877; --warn-ground: #3b2c0c;
    --bad: #ffa3a6; --bad-ground: #47181b;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
main:focus { outline: none; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: .5rem; background: var(--ground); padding: .5rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center; padding: .6rem 1.25rem;
  background: var(--raised); border-bottom: 1px solid var(--line); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem; margin: 0; padding: 0; list-style: none; }
nav a { display: block; padding: .25rem .7rem; border-radius: .4rem; text-decoration: none; }
nav a[aria-current] { background: var(--accent); color: var(--ground); }
header form { margin-left: auto; }
input, button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line);
  border-radius: .4rem; padding: .25rem .6rem; }
button { cursor: pointer; }
main { padding: .5rem 1.25rem 2rem; max-width: 110rem; }
footer { padding: 1rem 1.25rem; color: var(--quiet); border-top: 1px solid var(--line); }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .8rem; }
.card { display: grid; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: .6rem;
  background: var(--raised); color: inherit; text-decoration: none; }
.card:hover { border-color: var(--accent); }
.card strong { font-size: 1.9rem; line-height: 1.2; }
.card .more { color: var(--quiet); font-size: .9rem; margin-top: .3rem; }
.badge { display: inline-block; padding: 0 .5rem; margin-right: .2rem; border-radius: 1rem; white-space: nowrap;
  background: var(--raised); border: 1px solid var(--line); font-size: .85rem; }
.badge.good { color: var(--good); background: var(--good-ground); border-color: transparent; }
.badge.warn { color: var(--warn); background: var(--warn-ground); border-color: transparent; }
.badge.bad { color: var(--bad); background: var(--bad-ground); border-color: transparent; }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; width: 100%; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; min-width: 4.5rem; }
tbody th { font-weight: 600; } thead th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
thead button { all: unset; cursor: pointer; } thead button:focus-visible { outline: 3px solid var(--accent); }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
tbody tr:hover { background: var(--raised); }
:target { background: var(--warn-ground); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; } dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: .9em ui-monospace, monospace; }
.none { color: var(--quiet); }
.chart { width: 100%; max-width: 60rem; height: auto; }
.chart text { fill: var(--quiet); font-size: 12px; } .chart .bar { fill: var(--accent); }
.chart .bar.bad { fill: var(--bad); }
.chart .axis { stroke: var(--line); }
"""

"""The one script of the dashboard: tables sort by a click on a heading. Pages are whole without it."""

from typing import Final

TEXT: Final = """"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  for (const [column, heading] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => {
        const cell = row.cells[column];
        return cell.querySelector("time")?.dateTime ?? cell.textContent.trim();
      };
      const order = new Intl.Collator(undefined, { numeric: true }).compare;
      const rows = [...body.rows].sort((one, other) => order(key(one), key(other)));
      body.append(...(up ? rows : rows.reverse()));
    });
  }
}
"""

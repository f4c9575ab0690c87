"use strict";
// Sorting by any column and filtering by any text; without scripts, the whole table is shown.
(() => {
  const table = document.getElementById("leaderboard");
  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  if (!table) return;
  // A body has the row of a loss and, if it has several seeds, the rows of its single runs.
  const bodies = Array.from(table.tBodies);
  const heads = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells);
  const value = (body, column) => {
    const cell = body.rows[0].cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
  };
  const compare = (column, numeric, direction) => (a, b) => {
    const x = value(a, column);
    const y = value(b, column);
    if (x === "" || y === "") return (x === "") - (y === ""); // missing values come last
    const order = numeric ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true });
    return direction * order;
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const numeric = head.classList.contains("number");
    const first = head.dataset.better === "higher" ? -1 : 1;
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const direction = now === null ? first : now === "ascending" ? -1 : 1;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      table.append(...bodies.sort(compare(column, numeric, direction)));
    });
  });
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    bodies.forEach((body) => {
      const text = body.textContent.toLowerCase();
      body.hidden = !words.every((word) => text.includes(word));
      left += body.hidden ? 0 : 1;
    });
    shown.textContent = `${left} of ${bodies.length} shown; click a column header to sort`;
  };
  if (filter) {
    filter.closest("[hidden]").hidden = false;
    filter.addEventListener("input", apply);
    apply();
  }
})();

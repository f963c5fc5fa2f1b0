// Tables that sort by their headers, filter by text and by set, and fit the screen. Without this they are whole, in
// their own order, in boxes that scroll.
"use strict";

// A number where the cell is one ("1,024"; "3 of 16" is a share), else its text; null where there is nothing.
function value(cell) {
  const text = (cell.dataset.value ?? cell.textContent).replaceAll(",", "").trim();
  const share = text.match(/^([\d.]+) of ([\d.]+)$/);
  if (share) return share[1] / share[2];
  return text === "" ? null : isNaN(text) ? text : Number(text);
}

// What is empty comes last in both directions, numbers before words.
function order(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
}

function sortable(table) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const rows = [...body.rows].map(row => [value(row.cells[column]), row]);
      body.append(...rows.sort(([a], [b]) => order(a, b, sign)).map(([, row]) => row));
    });
  });
}

function filterable(table) {
  const rows = [...table.tBodies[0].rows], setOf = row => row.cells[0].textContent.split("/").slice(0, -1).join("/");
  const controls = document.createElement("div"), shown = document.createElement("output");
  const labelled = (text, control) => {
    const label = document.createElement("label");
    label.append(text + " ", control);
    controls.append(label);
    control.addEventListener("input", filter);
    return control;
  };
  controls.className = "controls";
  const search = labelled("Filter by text", document.createElement("input"));
  search.type = "search";
  const choice = document.createElement("select"), sets = new Set(rows.map(setOf));
  choice.append(new Option("all", ""), ...[...sets].map(name => new Option(name, name)));
  if (sets.size > 1 && !sets.has("")) labelled("by set", choice);
  controls.append(shown);
  table.parentElement.before(controls);
  function filter() {
    const wanted = search.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted)
      || Boolean(choice.value) && setOf(row) !== choice.value;
    shown.textContent = `${rows.filter(row => !row.hidden).length} of ${rows.length} rows`;
  }
  filter();
}

const NARROW = matchMedia("(max-width: 45rem)");

// A box that is wide enough does not scroll; on a narrow screen its table is stacked: page.css.
function fit() {
  for (const box of document.querySelectorAll(".scroll")) {
    const table = box.querySelector("table");
    table.classList.remove("stacked");
    box.classList.remove("fits");
    const wide = box.scrollWidth > box.clientWidth + 1;
    if (wide && NARROW.matches) stack(table);
    box.classList.toggle("fits", !wide || NARROW.matches);
  }
}

// Blocks are no cells any more: their roles and the names of their columns are said again.
function stack(table) {
  table.classList.add("stacked");
  if (table.role) return;
  const names = [...table.tHead.rows[0].cells].map(head => head.textContent);
  table.role = "table";
  for (const row of table.tBodies[0].rows) {
    row.role = "row";
    let column = 0;
    for (const cell of row.cells) {
      cell.role = cell.scope === "row" ? "rowheader" : "cell";
      cell.dataset.label = names[column];
      column += Number(cell.dataset.columns ?? cell.colSpan);  // what it spans, those left out included
    }
  }
}

document.querySelectorAll("table.sortable").forEach(table => { sortable(table); filterable(table); });
fit();
addEventListener("resize", fit);
addEventListener("beforeprint", () => document.querySelectorAll(".stacked").forEach(table => table.classList.remove("stacked")));
addEventListener("afterprint", fit);

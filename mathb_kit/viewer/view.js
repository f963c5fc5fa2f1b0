// Keys, columns to choose, and curves that go on while a run does. Without this every page can be read all the same.
"use strict";

const items = () => [...document.querySelectorAll("table.list tbody tr:not([hidden]), article.attempt[id]")]
  .filter(each => each.getClientRects().length);
let at = -1;

function mark(to) {
  const all = items();
  if (!all.length) return;
  at = Math.max(0, Math.min(to, all.length - 1));
  all.forEach(each => each.classList.remove("here"));
  const item = all[at];
  item.classList.add("here");
  if (item.matches("article")) item.focus({ preventScroll: true });
  item.scrollIntoView({ block: item.matches("article") ? "start" : "nearest" });
}

function follow(selector) {
  const link = document.querySelector(selector);
  if (link) location.href = link.href;
}

function fold() {
  const all = [...document.querySelectorAll("details.thinking")], open = all.some(each => !each.open);
  all.forEach(each => { each.open = open; });
}

const nav = number => () => follow(`.bar-top nav a:nth-child(${number})`);
const KEYS = {
  j: () => mark(at + 1), k: () => mark(at - 1),
  ArrowRight: () => follow("link[rel=next]"), ArrowLeft: () => follow("link[rel=prev]"),
  Enter: () => { const item = items()[at]; item?.querySelector("a[href]")?.click(); },
  u: () => follow("link[rel=up]"), t: fold, o: nav(1), c: nav(2), r: nav(3),
  "/": () => document.querySelector("input[type=search]")?.focus(),
  "?": () => document.getElementById("keys").showModal(),
};

document.addEventListener("keydown", event => {
  const field = event.target.closest?.("input, select, textarea, dialog[open]");
  if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
  if (field || (event.key === "Enter" && event.target.closest?.("a, button, summary"))) return;
  event.preventDefault();
  KEYS[event.key]();
});

const keys = document.getElementById("keys");
document.querySelector("a.keys").addEventListener("click", event => { event.preventDefault(); keys.showModal(); });
keys.querySelector("a").addEventListener("click", event => { event.preventDefault(); keys.close(); });

// A choice counts at once; the button is for those without scripts.
document.querySelectorAll("form.choose select, form.choose [type=checkbox]").forEach(each =>
  each.addEventListener("change", () => each.form.requestSubmit()));
document.querySelectorAll("form.choose").forEach(form => form.addEventListener("submit", () => {
  for (const each of form.elements) each.disabled = !each.value && each.name !== "";  // short addresses
}));
addEventListener("pageshow", () =>
  document.querySelectorAll("form.choose :disabled").forEach(each => { each.disabled = false; }));

// Columns that a reader leaves out, by the words at their head, in every list that has them.
const LEFT_OUT = "mathb view: columns left out";

function leftOut() {
  try {
    return new Set(JSON.parse(localStorage.getItem(LEFT_OUT) ?? "[]"));
  } catch {  // no storage for files, in some browsers
    return new Set();
  }
}

/* Each head's column: an interval belongs to the number before it, and what names the row stays. */
function columnsOf(table) {
  const names = [];
  for (const head of table.tHead.rows[0].cells) {
    names.push(head.classList.contains("interval") ? names.at(-1) : head.textContent.trim());
  }
  return names;
}

function leaveOut(table, out) {
  const names = columnsOf(table);
  for (const row of table.rows) {
    let place = 0;
    for (const cell of row.cells) {
      const whole = Number(cell.dataset.columns ??= cell.colSpan);  // as it was before any column went
      const shown = names.slice(place, place += whole).filter(name => !out.has(name) || name === names[0]).length;
      cell.hidden = shown === 0;
      cell.colSpan = shown || whole;
    }
  }
}

function offerColumns(table) {
  const choice = document.createElement("details"), summary = document.createElement("summary");
  choice.className = "columns note";
  summary.textContent = "Columns";
  choice.append(summary);
  for (const name of new Set(columnsOf(table).slice(1))) {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = !leftOut().has(name);
    box.addEventListener("change", () => {
      const out = leftOut();
      box.checked ? out.delete(name) : out.add(name);
      try { localStorage.setItem(LEFT_OUT, JSON.stringify([...out])); } catch { /* for this page only */ }
      document.querySelectorAll("table.list").forEach(each => leaveOut(each, out));
    });
    label.append(box, ` ${name}`);
    choice.append(label);
  }
  (table.closest(".scroll") ?? table).before(choice);
}

function arrange() {
  const lists = [...document.querySelectorAll("table.list")].filter(each => each.tHead?.rows[0].cells.length > 3);
  if (lists.length && !document.querySelector(".columns")) offerColumns(lists[0]);
  lists.forEach(each => leaveOut(each, leftOut()));
}
arrange();

async function renew() {
  try {
    if (document.hidden) return;
    const reply = await fetch(location.href, { credentials: "same-origin" });
    if (reply.ok) {
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      const [now, before] = [page, document].map(each => each.querySelector("[data-live]"));
      if (now && before) before.replaceWith(now);
      arrange();
    }
  } finally {
    if (document.querySelector("[data-live]")) setTimeout(renew, 3000);
  }
}
if (document.querySelector("[data-live]")) setTimeout(renew, 3000);

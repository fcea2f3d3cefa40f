// The grid: rows of equal height, of which only those near the window are in the document.

import { fetchInto, forget } from "./pictures.js";
import { day, store, view } from "./store.js";

const GAP = 6;
const HEADING = 44;
const grid = document.getElementById("grid");
const canvas = document.getElementById("canvas");

let items = []; // rows of the store in the order shown
let places = new Map(); // row of the store -> place in items
let lines = []; // {top, height, from, to, heading}
let drawn = new Map(); // line -> element
let folded = true;
export let focus = -1; // row of the store
export const selected = new Set();
let anchor = -1;

const target = () => (innerWidth < 640 ? 130 : 210);

export function show(rows, { heads, fold, keep }) {
  folded = fold;
  items = rows;
  places = new Map(rows.map((row, place) => [row, place]));
  layOut(heads);
  discardAll();
  if (!places.has(focus)) focus = items[0] ?? -1;
  for (const row of selected) if (!places.has(row)) selected.delete(row);
  grid.setAttribute("aria-rowcount", lines.length);
  if (keep) reveal(focus);
  draw();
}

let heads = null;
function layOut(given = heads) {
  heads = given;
  const width = grid.clientWidth - GAP;
  const { width: w, height: h } = store.photos ?? {};
  const ratio = (row) => Math.min(3, Math.max(0.5, w[row] / h[row]));
  lines = [];
  let top = GAP;
  let place = 0;
  let last = null;
  while (place < items.length) {
    const head = heads ? heads(items[place]) : null;
    if (heads && head !== last) {
      let end = place;
      while (end < items.length && heads(items[end]) === head) end += 1;
      lines.push({ top, height: HEADING, from: place, to: place, heading: head, amount: end - place });
      top += HEADING;
      last = head;
    }
    let to = place;
    let sum = 0;
    while (to < items.length && (!heads || heads(items[to]) === head)) {
      sum += ratio(items[to]);
      to += 1;
      if (sum * target() + (to - place) * GAP >= width) break;
    }
    const full = (width - (to - place) * GAP) / sum;
    // A last row is as high as the one above it: it is not blown up to the width of the window.
    const isLast = sum * target() + (to - place) * GAP < width;
    const above = lines.at(-1)?.heading === null ? lines.at(-1).height : target();
    const height = Math.round(isLast ? Math.min(full, above) : full);
    lines.push({ top, height, from: place, to, heading: null });
    top += height + GAP;
    place = to;
  }
  canvas.style.setProperty("height", `${top}px`);
}

const lineOf = (place) => {
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle].from <= place) low = middle;
    else high = middle - 1;
  }
  return low;
};

export function draw() {
  const from = grid.scrollTop - grid.clientHeight;
  const to = grid.scrollTop + 2 * grid.clientHeight;
  let first = 0;
  let high = lines.length;
  while (first < high) {
    const middle = (first + high) >> 1;
    if (lines[middle].top + lines[middle].height < from) first = middle + 1;
    else high = middle;
  }
  const wanted = new Set();
  for (let at = first; at < lines.length && lines[at].top < to; at += 1) wanted.add(at);
  if (places.has(focus)) wanted.add(lineOf(places.get(focus))); // a screen reader stands there
  for (const [at, element] of drawn) {
    if (wanted.has(at)) continue;
    discard(element);
    drawn.delete(at);
  }
  const ordered = [...wanted].sort((a, b) => a - b);
  for (const at of ordered) {
    if (drawn.has(at)) continue;
    const element = makeLine(at);
    const next = ordered.find((other) => other > at && drawn.has(other));
    canvas.insertBefore(element, next === undefined ? null : drawn.get(next));
    drawn.set(at, element);
  }
}

function discard(element) {
  element.querySelectorAll("img").forEach(forget);
  element.remove();
}

function discardAll() {
  drawn.forEach(discard);
  drawn = new Map();
}

function makeLine(at) {
  const line = lines[at];
  const element = document.createElement("div");
  element.className = "row";
  element.setAttribute("role", "row");
  element.setAttribute("aria-rowindex", at + 1);
  element.style.setProperty("top", `${line.top}px`);
  element.style.setProperty("height", `${line.height}px`);
  if (line.heading !== null) {
    const cell = document.createElement("div");
    cell.setAttribute("role", "rowheader");
    const heading = document.createElement("h2");
    heading.textContent = line.heading || "No day known";
    const amount = document.createElement("span");
    amount.textContent = ` ${line.amount.toLocaleString()}`;
    heading.append(amount);
    cell.append(heading);
    element.append(cell);
    return element;
  }
  const { width, height } = store.photos;
  let left = GAP;
  for (let place = line.from; place < line.to; place += 1) {
    const row = items[place];
    const wide = line.height * Math.min(3, Math.max(0.5, width[row] / height[row]));
    const tile = document.createElement("div");
    tile.setAttribute("role", "gridcell");
    tile.setAttribute("aria-colindex", place - line.from + 1);
    tile.dataset.row = row;
    tile.style.setProperty("left", `${left}px`);
    tile.style.setProperty("width", `${wide}px`);
    const image = document.createElement("img");
    image.alt = "";
    image.decoding = "async";
    fetchInto(image, view(row, "tile")).catch(() => tile.classList.add("gone"));
    const mark = Object.assign(document.createElement("span"), { className: "mark" });
    const bar = Object.assign(document.createElement("span"), { className: "bar" });
    tile.append(image, mark, bar);
    dress(tile, row);
    element.append(tile);
    left += wide + GAP;
  }
  return element;
}

export const starsOf = (row) => store.photos.stars[row] ?? 0;

export function nameFor(row) {
  const { name, flag, score, burst } = store.photos;
  const parts = [name[row], `score ${score[row].toFixed(1)}`];
  if (flag[row]) parts.push(flag[row] === "pick" ? "picked" : "rejected");
  if (starsOf(row)) parts.push(`${starsOf(row)} star${starsOf(row) > 1 ? "s" : ""}`);
  const frames = burst[row] === null ? null : store.bursts.get(burst[row]);
  if (frames) parts.push(`${frames.indexOf(row) + 1} of ${frames.length} in its burst`);
  const proposal = store.proposals.get(store.photos.id[row]);
  if (proposal) parts.push(`proposed: ${proposal[0]}`);
  return parts.join(", ");
}

function dress(tile, row) {
  const { flag, score, burst, id } = store.photos;
  const frames = burst[row] === null ? null : store.bursts.get(burst[row]);
  const stack = Boolean(folded && frames && !opened.has(burst[row]) && frames.length > 1);
  const gone = tile.classList.contains("gone");
  tile.className = ["tile", flag[row], stack && "stack", row === focus && "focus", gone && "gone"].filter(Boolean).join(" ");
  tile.tabIndex = row === focus ? 0 : -1;
  tile.setAttribute("aria-selected", selected.has(row));
  tile.setAttribute("aria-label", nameFor(row));
  tile.querySelector(".mark").textContent = flag[row] === "pick" ? "✓" : flag[row] === "reject" ? "✕" : "";
  const number = Object.assign(document.createElement("span"), { className: "number", textContent: score[row].toFixed(1) });
  const stars = Object.assign(document.createElement("span"), { className: "stars", textContent: "★".repeat(starsOf(row)) });
  tile.querySelector(".bar").replaceChildren(number, stars);
  tile.querySelector(".count")?.remove();
  tile.querySelector(".proposed")?.remove();
  if (frames) {
    const open = frames.filter((frame) => !flag[frame] && store.photos.stars[frame] === null).length;
    const text = stack ? `${frames.length} frames${open && open < frames.length ? `, ${open} open` : ""}` : `${frames.indexOf(row) + 1}/${frames.length}`;
    tile.append(Object.assign(document.createElement("span"), { className: "count", textContent: text }));
  }
  const proposal = store.proposals.get(id[row]);
  if (proposal && !flag[row]) {
    tile.append(Object.assign(document.createElement("span"), { className: "proposed", textContent: `${proposal[0]}?` }));
  }
}

export function refresh(rows) {
  const wanted = rows && new Set(rows.flatMap((row) => store.bursts.get(store.photos.burst[row]) ?? [row]));
  for (const element of drawn.values()) {
    for (const tile of element.querySelectorAll(".tile")) {
      const row = Number(tile.dataset.row);
      if (!wanted || wanted.has(row)) dress(tile, row);
    }
  }
}

export const opened = new Set(); // bursts that are unfolded

// After the photographs were loaded again: `rowOf` gives the row that was another before.
export function renumber(rowOf, burstOf) {
  const there = (rows) => rows.map(rowOf).filter((row) => row !== undefined);
  const chosen = there([...selected]);
  selected.clear();
  chosen.forEach((row) => selected.add(row));
  const unfolded = [...opened].map(burstOf).filter((burst) => burst !== null && burst !== undefined);
  opened.clear();
  unfolded.forEach((burst) => opened.add(burst));
  focus = rowOf(focus) ?? -1;
  anchor = rowOf(anchor) ?? -1;
}

export const shownRows = () => items;
export const isShown = (row) => places.has(row);
export const placeOf = (row) => places.get(row) ?? -1;
export const tileOf = (row) => canvas.querySelector(`.tile[data-row="${row}"]`);

// Behind the loupe only the place is kept: `settle` shows it when the grid is seen again.
export function setFocus(row, { keyboard = true, extend = false, behind = false } = {}) {
  if (!places.has(row)) return;
  const before = focus;
  focus = row;
  if (behind) return;
  if (extend) {
    if (anchor < 0) anchor = before;
    const [a, b] = [places.get(anchor), places.get(row)].sort((x, y) => x - y);
    selected.clear();
    for (let place = a; place <= b; place += 1) selected.add(items[place]);
    refresh();
  } else {
    anchor = -1;
  }
  reveal(row);
  draw();
  refresh([before, row].filter((each) => each >= 0));
  if (keyboard) tileOf(row)?.focus({ preventScroll: true });
}

export function settle() {
  reveal(focus);
  draw();
  refresh();
  tileOf(focus)?.focus({ preventScroll: true });
}

export function reveal(row) {
  if (!places.has(row)) return;
  const line = lines[lineOf(places.get(row))];
  const margin = 50;
  if (line.top < grid.scrollTop + margin) grid.scrollTop = Math.max(0, line.top - margin);
  else if (line.top + line.height > grid.scrollTop + grid.clientHeight) grid.scrollTop = line.top + line.height - grid.clientHeight + GAP;
}

export function neighbour(row, step) {
  const place = places.get(row);
  return place === undefined ? -1 : (items[place + step] ?? -1);
}

export function vertical(row, step) {
  const place = places.get(row);
  if (place === undefined) return -1;
  let at = lineOf(place);
  const line = lines[at];
  const share = (place - line.from + 0.5) / (line.to - line.from);
  do at += step;
  while (lines[at] && lines[at].heading !== null);
  if (!lines[at]) return -1;
  return items[lines[at].from + Math.floor(share * (lines[at].to - lines[at].from))] ?? -1;
}

export const dayHeads = (row) => day(row);

let waiting = false;
grid.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
});
let width = 0;
new ResizeObserver(() => {
  if (!store.photos || grid.clientWidth === width) return;
  width = grid.clientWidth;
  layOut();
  discardAll();
  reveal(focus); // the focused photograph stays in sight
  draw();
}).observe(grid);

// One photograph large, or up to four side by side: same place, same size in all of them.

import { fetchInto, forget } from "./pictures.js";
import { pixels, store, view } from "./store.js";

const dialog = document.getElementById("loupe");
const holder = document.getElementById("panes");
const AHEAD = 4;
const BEHIND = 2;
const KEPT = 12;

let panes = []; // {row, element, frame, image, ticket, source, width, height}
export let current = 0; // the pane that decisions act on
// What is looked at, in fractions of the picture, and how large: 1 is as large as fits.
const look = { x: 0.5, y: 0.5, scale: 1 };
const ready = new Map(); // address -> decoded image, the last dozen
let report = () => {};

export const isOpen = () => dialog.open;
export const shownRow = () => panes[current]?.row ?? -1;
export const shownRows = () => panes.map((pane) => pane.row);
export const isComparing = () => panes.length > 1;
export const onShown = (listener) => (report = listener);

export function open(rows) {
  Object.assign(look, { x: 0.5, y: 0.5, scale: 1 });
  current = rows.length > 1 ? 1 : 0;
  panes = rows.slice(0, 4).map(makePane);
  holder.replaceChildren(...panes.map((pane) => pane.element));
  holder.classList.toggle("many", panes.length > 1);
  if (!dialog.open) dialog.showModal();
  panes.forEach((pane) => show(pane, pane.row));
  mark();
}

export function close() {
  if (dialog.open) dialog.close();
  panes = [];
  holder.replaceChildren();
}

// Another photograph in the current pane: the one that was pinned first stays where it is.
export function turnTo(row, ahead) {
  const pane = panes[current];
  if (!pane) return;
  if (panes.length === 1) Object.assign(look, { x: 0.5, y: 0.5, scale: look.scale > 1 ? look.scale : 1 });
  show(pane, row);
  preload(ahead);
}

// After the photographs were loaded again: `rowOf` gives the row that was another before.
export function renumber(rowOf) {
  for (const pane of panes) pane.row = rowOf(pane.row) ?? -1;
  if (panes.some((pane) => pane.row < 0)) close();
  else report();
}

export function select(place) {
  if (!panes.length) return;
  current = (place + panes.length) % panes.length;
  mark();
}

function mark() {
  panes.forEach((pane, place) => pane.element.classList.toggle("current", place === current));
  report();
}

function makePane(row) {
  const element = Object.assign(document.createElement("div"), { className: "pane" });
  const frame = Object.assign(document.createElement("div"), { className: "frame" });
  const under = Object.assign(document.createElement("p"), { className: "under" });
  element.append(frame, under);
  const pane = { row, element, frame, under, image: null, ticket: 0, source: "" };
  frame.addEventListener("pointerdown", (event) => press(pane, event));
  frame.addEventListener("wheel", (event) => wheel(pane, event), { passive: false });
  return pane;
}

// `there` resolves when the image can be painted without a wait.
function decoded(row, address, first) {
  const image = Object.assign(new Image(), { alt: store.photos.name[row], draggable: false });
  const found = { image, isThere: false };
  found.there = fetchInto(image, address, { first })
    .then(() => image.decode())
    .then(() => {
      found.isThere = true;
      return image;
    });
  return found;
}

function viewOf(row, first) {
  const address = view(row, "loupe");
  // What was to come later, and has not been asked for yet, is looked at now.
  if (first && ready.has(address) && !ready.get(address).image.hasAttribute("src")) abandon(address);
  const found = ready.get(address) ?? decoded(row, address, first);
  found.there.catch(() => ready.delete(address));
  ready.delete(address);
  ready.set(address, found);
  while (ready.size > KEPT) {
    const oldest = ready.keys().next().value;
    abandon(oldest);
    ready.delete(oldest);
  }
  return found.there;
}

// Nobody waits for it any more.
function abandon(address) {
  const found = ready.get(address);
  if (!found || found.isThere) return;
  forget(found.image);
  ready.delete(address);
}

export function preload(rows) {
  for (const row of rows.slice(0, AHEAD + BEHIND)) if (row >= 0) viewOf(row, false).catch(() => {});
}

// The photograph that was asked for last wins, however late the others come.
async function show(pane, row) {
  if (row !== pane.row && !panes.some((other) => other !== pane && other.row === pane.row)) abandon(view(pane.row, "loupe"));
  pane.row = row;
  pane.ticket += 1;
  const { ticket } = pane;
  pane.under.textContent = store.photos.name[row];
  const soon = setTimeout(() => pane.ticket === ticket && put(pane, null, "loading"), 120);
  report();
  try {
    const image = await viewOf(row, true);
    if (pane.ticket !== ticket) return;
    // One element may stand in two panes.
    put(pane, panes.some((other) => other !== pane && other.image === image) ? image.cloneNode() : image, "view");
    if (isZoomed()) sharpen(pane, ticket);
  } catch {
    if (pane.ticket === ticket) put(pane, null, "cannot be shown");
  } finally {
    clearTimeout(soon);
    document.dispatchEvent(new CustomEvent("painted", { detail: row }));
  }
}

function put(pane, image, source) {
  pane.image = image;
  pane.source = source;
  pane.frame.replaceChildren(...(image ? [image] : []));
  place(pane);
  report();
}

async function sharpen(pane, ticket) {
  if (pane.source !== "view") return;
  pane.source = "loading pixels";
  report();
  try {
    const image = await decoded(pane.row, pixels(pane.row), true).there;
    if (pane.ticket === ticket) put(pane, image, "pixels");
  } catch {
    if (pane.ticket === ticket) put(pane, pane.image, "view");
  }
}

// Size and place

const fit = (pane) => {
  const { width, height } = sizeOf(pane);
  return Math.min(pane.frame.clientWidth / width, pane.frame.clientHeight / height, 1e9);
};
const sizeOf = (pane) => ({ width: store.photos.width[pane.row] || 1, height: store.photos.height[pane.row] || 1 });
const isZoomed = () => look.scale > 1.001;

function place(pane) {
  if (!pane.image) return;
  const { width, height } = sizeOf(pane);
  const scale = Math.min(fit(pane), 1 / devicePixelRatio) * look.scale;
  const [w, h] = [width * scale, height * scale];
  const [fw, fh] = [pane.frame.clientWidth, pane.frame.clientHeight];
  const along = (size, room, at) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, room / 2 - at * size)));
  pane.image.style.setProperty("width", `${w}px`);
  pane.image.style.setProperty("height", `${h}px`);
  pane.image.style.setProperty("transform", `translate(${along(w, fw, look.x)}px, ${along(h, fh, look.y)}px)`);
  pane.frame.classList.toggle("zoomed", isZoomed());
}

export function percent() {
  const pane = panes[current];
  if (!pane) return null;
  const scale = Math.min(fit(pane), 1 / devicePixelRatio) * look.scale * devicePixelRatio;
  return { percent: Math.round(100 * scale), source: pane.source };
}

function zoom(scale, pane, at) {
  if (at && pane) {
    const box = pane.frame.getBoundingClientRect();
    const before = pane.image?.getBoundingClientRect();
    if (before && scale > 1) {
      const x = (at.clientX - before.left) / before.width;
      const y = (at.clientY - before.top) / before.height;
      const base = Math.min(fit(pane), 1 / devicePixelRatio) * scale;
      const { width, height } = sizeOf(pane);
      look.x = x + (box.left + box.width / 2 - at.clientX) / (width * base);
      look.y = y + (box.top + box.height / 2 - at.clientY) / (height * base);
    }
  }
  look.scale = Math.max(1, Math.min(scale, 64));
  if (look.scale === 1) Object.assign(look, { x: 0.5, y: 0.5 });
  look.x = Math.min(1, Math.max(0, look.x));
  look.y = Math.min(1, Math.max(0, look.y));
  panes.forEach(place);
  if (isZoomed()) panes.forEach((pane_) => sharpen(pane_, pane_.ticket));
  report();
}

// 100 % of the current pane, at the pointer or the middle; or back to all of it.
export function togglePixels(at) {
  const pane = panes[current];
  if (!pane) return;
  const full = 1 / devicePixelRatio / Math.min(fit(pane), 1 / devicePixelRatio);
  zoom(isZoomed() ? 1 : Math.max(full, 1.0011), pane, at);
}

let pressed = null;
function press(pane, event) {
  select(panes.indexOf(pane));
  if (event.button !== 0) return;
  pressed = { pane, x: event.clientX, y: event.clientY, moved: false, at: { ...look } };
  pane.frame.setPointerCapture(event.pointerId);
  pane.frame.onpointermove = (move) => {
    if (!pressed) return;
    const [dx, dy] = [move.clientX - pressed.x, move.clientY - pressed.y];
    if (Math.hypot(dx, dy) > 5) pressed.moved = true;
    if (!pressed.moved || !isZoomed() || !pane.image) return;
    const box = pane.image.getBoundingClientRect();
    look.x = Math.min(1, Math.max(0, pressed.at.x - dx / box.width));
    look.y = Math.min(1, Math.max(0, pressed.at.y - dy / box.height));
    panes.forEach(place);
  };
  pane.frame.onpointerup = (up) => {
    pane.frame.onpointermove = pane.frame.onpointerup = null;
    if (pressed && !pressed.moved) togglePixels(up);
    pressed = null;
  };
}

function wheel(pane, event) {
  event.preventDefault();
  zoom(look.scale * Math.exp(-event.deltaY / 400), pane, event);
}

new ResizeObserver(() => panes.forEach(place)).observe(holder);

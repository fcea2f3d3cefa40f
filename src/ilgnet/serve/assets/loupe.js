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
// What is looked at, in fractions of the picture, and how large: 1 is as large as fits; or 100 %.
const look = { x: 0.5, y: 0.5, scale: 1, pixels: false };
const ready = new Map(); // address -> decoded image, the last dozen
let report = () => {};

export const isOpen = () => dialog.open;
export const shownRow = () => panes[current]?.row ?? -1;
export const shownRows = () => panes.map((pane) => pane.row);
export const isComparing = () => panes.length > 1;
export const onShown = (listener) => (report = listener);
export const label = (wordsOf) => panes.forEach((pane, place) => (pane.under.textContent = wordsOf(pane.row, place)));

export function open(rows) {
  Object.assign(look, { x: 0.5, y: 0.5, scale: 1, pixels: false });
  current = rows.length > 1 ? 1 : 0;
  panes = rows.slice(0, 4).map(makePane);
  holder.replaceChildren(...panes.map((pane) => pane.element));
  holder.classList.toggle("many", panes.length > 1);
  if (!dialog.open) dialog.showModal();
  arrange();
  for (const pane of panes) pane.room = { width: pane.frame.clientWidth, height: pane.frame.clientHeight };
  panes.forEach((pane) => show(pane, pane.row));
  mark();
}

// In as many columns as show the pictures largest.
function arrange() {
  if (!panes.length) return;
  const { width, height } = sizeOf(panes[0]);
  const sized = panes.map((_, place) => {
    const columns = place + 1;
    const lines = Math.ceil(panes.length / columns);
    return Math.min(holder.clientWidth / columns / width, (holder.clientHeight / lines - 26) / height);
  });
  holder.style.setProperty("--columns", sized.indexOf(Math.max(...sized)) + 1);
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
  if (panes.length === 1 && !isZoomed()) Object.assign(look, { x: 0.5, y: 0.5 });
  show(pane, row);
  preloadSoon(ahead);
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

// The room of each pane is told when it changes: to ask for it would lay out the page each time.
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const pane = panes.find((each) => each.frame === target);
    if (pane) pane.room = contentRect;
    if (pane) place(pane);
  }
  report();
});

function makePane(row) {
  const element = Object.assign(document.createElement("div"), { className: "pane" });
  const frame = Object.assign(document.createElement("div"), { className: "frame" });
  const under = Object.assign(document.createElement("p"), { className: "under" });
  element.append(frame, under);
  const pane = { row, element, frame, under, image: null, ticket: 0, source: "", room: { width: 1, height: 1 } };
  sizes.observe(frame);
  frame.addEventListener("pointerdown", (event) => press(pane, event));
  frame.addEventListener("pointermove", ({ clientX, clientY }) => (hovering = { pane, clientX, clientY }));
  frame.addEventListener("pointerleave", () => (hovering = null));
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

// A moment later, so that what was decided is on its way and painted first.
let following = null;
function preloadSoon(rows) {
  if (!following) setTimeout(preload, 60);
  following = rows;
}

function preload() {
  const rows = following;
  following = null;
  for (const row of rows.slice(0, AHEAD + BEHIND)) if (store.photos.id[row]) viewOf(row, false).catch(() => {});
}

// The photograph that was asked for last wins, however late the others come.
async function show(pane, row) {
  if (row !== pane.row && !panes.some((other) => other !== pane && other.row === pane.row)) abandon(view(pane.row, "loupe"));
  if (pane.row !== row) pane.layer = null;
  pane.row = row;
  pane.ticket += 1;
  const { ticket } = pane;
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

function put(pane, image, source, quietly = false) {
  pane.image = image;
  pane.source = source;
  pane.frame.replaceChildren(...(image ? [image, ...(pane.layer ? [pane.layer] : [])] : []));
  pane.frame.classList.toggle("mapped", Boolean(image && pane.layer));
  place(pane);
  if (!quietly) report();
}

// A layer over the current pane's picture, if that still is this row's; null takes it away.
export function lay(row, address) {
  const pane = panes[current];
  if (pane && (pane.layer?.src ?? null) === address) return;
  for (const each of panes) each.layer = null;
  if (address && pane?.row === row) {
    pane.layer = Object.assign(new Image(), { src: address, alt: "Map: gold raises the score, blue lowers it", className: "layer" });
  }
  panes.forEach((each) => put(each, each.image, each.source, true));
}

async function sharpen(pane, ticket) {
  if (pane.source !== "view") return;
  pane.source = "loading pixels";
  report();
  try {
    const image = await decoded(pane.row, pixels(pane.row), true).there;
    // Of a RAW file there may be fewer pixels in its preview than the camera counts.
    const isWhole = image.naturalWidth >= 0.95 * sizeOf(pane).width;
    if (pane.ticket === ticket) put(pane, image, isWhole ? "pixels" : "preview");
  } catch {
    if (pane.ticket === ticket) put(pane, pane.image, "view");
  }
}

// Size and place

const fit = (pane) => {
  const { width, height } = sizeOf(pane);
  return Math.min(pane.room.width / width, pane.room.height / height);
};
const sizeOf = (pane) => ({ width: store.photos.width[pane.row] || 1, height: store.photos.height[pane.row] || 1 });
const whole = (pane) => Math.min(fit(pane), 1 / devicePixelRatio);
const scaleOf = (pane) => (look.pixels ? 1 / devicePixelRatio : whole(pane) * look.scale);
const isZoomed = () => look.pixels || look.scale > 1.001;

function place(pane) {
  if (!pane.image) return;
  const { width, height } = sizeOf(pane);
  const scale = scaleOf(pane);
  const [w, h] = [width * scale, height * scale];
  const [fw, fh] = [pane.room.width, pane.room.height];
  const along = (size, room, at) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, room / 2 - at * size)));
  for (const image of [pane.image, pane.layer].filter(Boolean)) {
    image.style.setProperty("width", `${w}px`);
    image.style.setProperty("height", `${h}px`);
    image.style.setProperty("transform", `translate(${along(w, fw, look.x)}px, ${along(h, fh, look.y)}px)`);
  }
  pane.frame.classList.toggle("zoomed", isZoomed());
}

export function percent() {
  const pane = panes[current];
  if (!pane) return null;
  const source = pane.source === "pixels" && !isZoomed() ? "view" : pane.source;
  return { percent: Math.round(100 * scaleOf(pane) * devicePixelRatio), source };
}

// `at`: the place in the window that stays where it is.
function zoom({ scale = 1, full = false }, pane, at) {
  const before = pane.image?.getBoundingClientRect();
  look.pixels = full;
  look.scale = Math.max(1, Math.min(scale, 64));
  if (!isZoomed()) Object.assign(look, { x: 0.5, y: 0.5 });
  else if (at && before) {
    const box = pane.frame.getBoundingClientRect();
    const { width, height } = sizeOf(pane);
    const now = scaleOf(pane);
    look.x = (at.clientX - before.left) / before.width + (box.left + box.width / 2 - at.clientX) / (width * now);
    look.y = (at.clientY - before.top) / before.height + (box.top + box.height / 2 - at.clientY) / (height * now);
  }
  look.x = Math.min(1, Math.max(0, look.x));
  look.y = Math.min(1, Math.max(0, look.y));
  panes.forEach(place);
  if (isZoomed()) panes.forEach((pane_) => sharpen(pane_, pane_.ticket));
  report();
}

// How many times as large as all of it.
const times = (pane) => scaleOf(pane) / whole(pane);

// 100 % of every pane, at the pointer or the middle of the current one; or back to all of it.
export function togglePixels(event) {
  const pane = panes[current];
  if (!pane) return;
  const at = event?.clientX === undefined ? hovering : event;
  zoom({ full: !isZoomed() }, pane, at?.pane === undefined || at.pane === pane ? at : null);
}

let hovering = null; // where the pointer is
const pointers = new Map(); // of one pane: id -> event
let pressed = null;
let turn = () => {};
export const onTurn = (listener) => (turn = listener);

function press(pane, event) {
  if (pressed?.pane !== pane) pointers.clear();
  select(panes.indexOf(pane));
  if (event.button !== 0) return;
  pointers.set(event.pointerId, event);
  pane.frame.setPointerCapture(event.pointerId);
  const [first, second] = [...pointers.values()];
  pressed = { pane, x: event.clientX, y: event.clientY, moved: Boolean(second), at: { ...look }, times: times(pane), apart: second && distance(first, second) };
  pane.frame.onpointermove = move;
  pane.frame.onpointerup = pane.frame.onpointercancel = release;
}

const distance = (one, other) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);

function move(event) {
  if (!pressed || !pointers.has(event.pointerId)) return;
  pointers.set(event.pointerId, event);
  const { pane } = pressed;
  const [first, second] = [...pointers.values()];
  if (second) {
    const middle = { clientX: (first.clientX + second.clientX) / 2, clientY: (first.clientY + second.clientY) / 2 };
    zoom({ scale: (pressed.times * distance(first, second)) / Math.max(1, pressed.apart) }, pane, middle);
    return;
  }
  const [dx, dy] = [event.clientX - pressed.x, event.clientY - pressed.y];
  if (Math.hypot(dx, dy) > 5) pressed.moved = true;
  if (!pressed.moved || !isZoomed() || !pane.image || pressed.apart) return;
  const box = pane.image.getBoundingClientRect();
  look.x = Math.min(1, Math.max(0, pressed.at.x - dx / box.width));
  look.y = Math.min(1, Math.max(0, pressed.at.y - dy / box.height));
  panes.forEach(place);
}

function release(event) {
  pointers.delete(event.pointerId);
  if (!pressed || pointers.size) return;
  const { pane, moved, apart, x, y } = pressed;
  pressed = null;
  pane.frame.onpointermove = pane.frame.onpointerup = pane.frame.onpointercancel = null;
  if (event.type === "pointercancel" || apart) return;
  const [dx, dy] = [event.clientX - x, event.clientY - y];
  if (!moved) togglePixels(event);
  else if (event.pointerType === "touch" && !isZoomed() && !isComparing() && Math.abs(dx) > 60 && Math.abs(dx) > 2 * Math.abs(dy)) turn(dx < 0 ? "next" : "previous");
}

function wheel(pane, event) {
  event.preventDefault();
  zoom({ scale: times(pane) * Math.exp(-event.deltaY / 400) }, pane, event);
}

new ResizeObserver(arrange).observe(holder);

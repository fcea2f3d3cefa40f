// Which key does what. Letters by what they type, digits by their place (AZERTY types them with
// Shift). Nothing of the browser's is taken: Ctrl and Alt chords pass, but for undo, redo, select all.

const USUAL = {
  next: "ArrowRight", previous: "ArrowLeft", down: "ArrowDown", up: "ArrowUp",
  pick: "p", reject: "x", clear: "u",
  stars0: "0", stars1: "1", stars2: "2", stars3: "3", stars4: "4", stars5: "5",
  loupe: "e", grid: "g", compare: "c", open: "Enter", toggle: "Space", pixels: "z",
  burst: "s", info: "i", why: "w", full: "f", out: "Escape", keepOne: "Shift+Enter", help: "?",
};
export const WORDS = {
  next: "next photograph; with Shift select on", previous: "previous photograph; with Shift select on", down: "row below; next burst in the loupe",
  up: "row above; previous burst in the loupe", pick: "pick", reject: "reject", clear: "neither picked nor rejected",
  stars0: "no stars", stars1: "1 star", stars2: "2 stars", stars3: "3 stars", stars4: "4 stars", stars5: "5 stars",
  loupe: "one photograph, large", grid: "the grid", compare: "side by side", open: "open", toggle: "open; in the loupe every pixel, or all of it",
  pixels: "every pixel (100 %)", burst: "open or fold a burst", info: "all that is known", why: "why this score", full: "full screen",
  out: "one step out", keepOne: "pick this, reject the rest of its burst", help: "this list",
};
const KEPT = "ilgnet.keys";
let own = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
let on = localStorage.getItem("ilgnet.keys.off") === null;

export const keyOf = (act) => own[act] ?? USUAL[act];
export const keysOn = () => on;
export function switchKeys(to) {
  on = to;
  if (to) localStorage.removeItem("ilgnet.keys.off");
  else localStorage.setItem("ilgnet.keys.off", "1");
}
export function usualKeys() {
  own = {};
  localStorage.removeItem(KEPT);
}
export function remap(act, key) {
  for (const other of Object.keys(USUAL)) if (other !== act && keyOf(other) === key) return other;
  own[act] = key;
  localStorage.setItem(KEPT, JSON.stringify(own));
  return null;
}

export function nameOf(event) {
  if (event.code === "Space") return "Space";
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (digit) return digit[1];
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return key === "Enter" && event.shiftKey ? "Shift+Enter" : key;
}

const isTyping = (target) => target.closest?.("input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]");

// The act that a key asks for, or null where the key is not ours.
export function actOf(event) {
  if (event.isComposing || event.defaultPrevented) return null;
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (isTyping(event.target)) return null;
  if (command && !event.altKey) {
    if (key === "z") return event.shiftKey ? "redo" : "undo";
    if (key === "y" && !event.shiftKey) return "redo";
    if (key === "a" && !event.shiftKey) return "all";
    return null;
  }
  if (event.altKey) return null;
  const name = nameOf(event);
  if (!on && /^(\w|\?)$/.test(name)) return null;
  // A focused button keeps its own keys.
  if (event.target.closest?.("button, a, summary") && ["Space", "Enter"].includes(name)) return null;
  for (const act of Object.keys(USUAL)) if (keyOf(act) === name) return act;
  return null;
}

export const DECISIONS = new Set(["pick", "reject", "clear", "keepOne", "stars0", "stars1", "stars2", "stars3", "stars4", "stars5"]);

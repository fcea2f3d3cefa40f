// Why the photograph in the loupe has its score: asked for while the panel is open, when the picture
// has stood still for a moment; the last dozen answers are kept.

import * as loupe from "./loupe.js";
import { ask, store } from "./store.js";

const panel = document.getElementById("why");
const said = panel.querySelector(".said");
const more = panel.querySelector(".more");
const map = panel.querySelector("input");
const button = document.querySelector("[data-act=why]");
const STILL = 200; // ms
const KEPT = 12;

const answers = new Map(); // what a photograph is and holds -> promise of what is said of it
let shown = ""; // whose explanation is in the panel, or on its way
let soon = 0;

export const isOpen = () => !panel.hidden;

export function toggle() {
  panel.hidden = !panel.hidden;
  button.setAttribute("aria-pressed", !panel.hidden);
  shown = "";
  if (panel.hidden) loupe.lay(null, null);
  else follow(loupe.shownRow());
}

// Called whenever the loupe shows something; mostly it is the same photograph.
export function follow(row) {
  if (panel.hidden || row < 0) return;
  const { id, content, revision } = store.photos;
  const key = `${id[row]} ${content[row]} ${revision}`;
  if (key === shown) {
    if (panel.getAttribute("aria-busy") === "false") lay(row); // the pane may be a new one
    return;
  }
  shown = key;
  clearTimeout(soon);
  panel.setAttribute("aria-busy", "true");
  say(["…"]);
  more.replaceChildren();
  delete panel.dataset.layer;
  lay(row);
  soon = setTimeout(() => fill(key, row), answers.has(key) ? 0 : STILL);
}

async function fill(key, row) {
  try {
    const why = await answer(key, store.photos.id[row]);
    if (key !== shown) return;
    say(why.lost ? [`${why.lost.best} is better by ${why.lost.behind.toFixed(2)}: ${why.lost.words}.`, ...why.sentences] : why.sentences);
    more.replaceChildren(legend(why.legend), ...why.tables.flatMap(table));
    panel.dataset.layer = why.layer;
    lay(row);
  } catch (error) {
    if (key === shown) say([error.message]);
  } finally {
    if (key === shown) panel.setAttribute("aria-busy", "false");
  }
}

function answer(key, id) {
  if (!answers.has(key)) {
    const asked = ask(`photographs/${id}/why`);
    asked.catch(() => answers.delete(key));
    answers.set(key, asked);
    while (answers.size > KEPT) answers.delete(answers.keys().next().value);
  }
  return answers.get(key);
}

function lay(row) {
  loupe.lay(row, (map.checked && panel.dataset.layer) || null);
}
map.addEventListener("change", () => lay(loupe.shownRow()));

const made = (tag, text, ...inside) => {
  const element = document.createElement(tag);
  element.append(...(text === null ? inside : [text]));
  return element;
};

function say(sentences) {
  const all = sentences.length ? sentences : ["No single thing stands out."];
  said.replaceChildren(...all.map((sentence) => made("li", sentence)));
}

function legend({ low, high, words }) {
  const ramp = made("p", null, made("span", low), made("i", ""), made("span", high));
  ramp.className = "ramp";
  const below = made("p", words);
  below.className = "note";
  return made("div", null, ramp, below);
}

const table = ({ heading, rows }) => [
  made("h3", heading),
  made("dl", null, ...rows.flatMap(([name, words]) => [made("dt", name), made("dd", words)])),
];

"use strict";

// Choosing between two pictures, again and again, and saving the choices as CSV, which
// `ilgnet taste learn --pairs` reads. Scores and names are not shown: they would persuade.

function offerComparing(choosable) {
  const byId = (id) => document.getElementById(id);
  const dialog = byId("compare");
  const sides = [byId("compare-left"), byId("compare-right")];
  const choices = []; // [winner, loser]
  const asked = new Set();
  const times = new Map(); // picture -> how often it was shown
  let pair = null;
  let unsaved = false;

  const key = (a, b) => [a.path, b.path].sort().join("\n");

  // Those seen least come first, equals by chance, and no two pictures twice.
  function draw() {
    const order = choosable()
      .filter((picture) => picture.card.querySelector("img"))
      .map((picture) => [times.get(picture) ?? 0, Math.random(), picture])
      .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .map((entry) => entry[2]);
    for (let j = 1; j < order.length; j += 1) {
      const i = order.findIndex((other, place) => place < j && !asked.has(key(other, order[j])));
      if (i >= 0 && i < j) return Math.random() < 0.5 ? [order[i], order[j]] : [order[j], order[i]];
    }
    return null;
  }

  function ask(next) {
    pair = next;
    if (pair) asked.add(key(...pair));
    pair?.forEach((picture, side) => {
      times.set(picture, (times.get(picture) ?? 0) + 1);
      sides[side].firstElementChild.src = picture.card.querySelector("img").src;
    });
    byId("compare-two").hidden = !pair;
    byId("compare-end").hidden = Boolean(pair);
    byId("compare-skip").disabled = !pair;
    byId("compare-back").disabled = choices.length === 0;
    byId("compare-save").disabled = choices.length === 0;
    const noun = choices.length === 1 ? "choice" : "choices";
    byId("compare-count").textContent = `${choices.length} ${noun}`;
  }

  function choose(side) {
    if (!pair) return;
    choices.push([pair[side], pair[1 - side]]);
    unsaved = true;
    ask(draw());
  }

  function takeBack() {
    if (!choices.length) return;
    if (pair) asked.delete(key(...pair));
    unsaved = true;
    ask(choices.pop());
  }

  // A byte of a file name that is not UTF-8 comes as a lone surrogate, and leaves as that byte.
  function bytesOf(text) {
    const parts = text.split(/(?<![\ud800-\udbff])([\udc80-\udcff])/);
    return parts.map((part, place) => (place % 2 ? Uint8Array.of(part.charCodeAt(0)) : part));
  }

  function save() {
    const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
    const lines = choices.map((choice) => choice.map((picture) => quoted(picture.path)).join(","));
    const text = ["winner,loser", ...lines, ""].join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(bytesOf(text), { type: "text/csv" }));
    link.download = "choices.csv";
    link.click();
    unsaved = false;
  }

  byId("compare-open").addEventListener("click", () => {
    ask(pair ?? draw());
    dialog.showModal();
  });
  sides.forEach((side, place) => side.addEventListener("click", () => choose(place)));
  byId("compare-skip").addEventListener("click", () => ask(draw()));
  byId("compare-back").addEventListener("click", takeBack);
  byId("compare-save").addEventListener("click", save);
  byId("compare-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    const act = {
      ArrowLeft: () => choose(0),
      ArrowRight: () => choose(1),
      ArrowDown: () => pair && ask(draw()),
      Backspace: takeBack,
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
}

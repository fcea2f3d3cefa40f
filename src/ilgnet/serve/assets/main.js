// The page: what keys and buttons do, what is shown, and what is going on.

import "./drop.js";
import * as grid from "./grid.js";
import * as loupe from "./loupe.js";
import * as why from "./why.js";
import { DECISIONS, WORDS, actOf, keyOf, keysOn, nameOf, remap, switchKeys, usualKeys } from "./keys.js";
import { ask, choose, cleared, day, load, onChange, onSaving, send, store, takeRatings, turnBack } from "./store.js";

const $ = (id) => document.getElementById(id);
const filters = $("filters");
const plural = (count, word) => `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;
const say = (words) => ($("live").textContent = words); // to who listens
let hiding = null;
function tell(words) { // and to who looks, in front of whatever is open
  say(words);
  $("told").textContent = words;
  $("told").hidePopover();
  $("told").showPopover();
  clearTimeout(hiding);
  hiding = setTimeout(() => $("told").hidePopover(), 3000);
}

// What is shown

const value = (name) => filters.elements[name].value;

function matches(row) {
  const { photos } = store;
  const text = value("text").trim().toLowerCase();
  if (text && !`${photos.folder[row]}/${photos.name[row]}`.toLowerCase().includes(text)) return false;
  if (value("score") && photos.score[row] < Number(value("score"))) return false;
  if (value("percentile") && photos.percentile[row] < Number(value("percentile"))) return false;
  if (value("burst") && (photos.burst[row] === null) !== (value("burst") === "none")) return false;
  if ((photos.stars[row] ?? 0) < Number(value("stars"))) return false;
  if (value("flag") && (photos.flag[row] ?? "none") !== value("flag")) return false;
  return !value("day") || day(row) === (value("day") === "none" ? "" : value("day"));
}

function ordered(rows) {
  const { photos } = store;
  const by = {
    taken: (a, b) => (photos.taken[a] ?? "").localeCompare(photos.taken[b] ?? "") || a - b,
    score: (a, b) => photos.score[b] - photos.score[a] || a - b,
    name: (a, b) => photos.name[a].localeCompare(photos.name[b], undefined, { numeric: true }) || a - b,
  };
  return rows.sort(by[value("sort")]);
}

// Where bursts are folded, the best frame stands for all that match.
function fold(rows) {
  if (!filters.elements.folded.checked) return rows;
  const present = new Set(rows);
  return rows.filter((row) => {
    const burst = store.photos.burst[row];
    if (burst === null || grid.opened.has(burst)) return true;
    return store.bursts.get(burst).find((frame) => present.has(frame)) === row;
  });
}

function apply({ keep = true } = {}) {
  const all = Array.from({ length: store.count }, (_, row) => row);
  const rows = all.filter(matches);
  const shown = fold(ordered(rows));
  grid.show(shown, { heads: value("sort") === "taken" ? grid.dayHeads : null, fold: filters.elements.folded.checked, keep });
  const hidden = store.count - rows.length;
  $("shown").textContent = hidden ? `${plural(rows.length, "photograph")}, ${hidden.toLocaleString()} hidden` : "";
  $("empty").hidden = rows.length > 0;
  $("empty").textContent = store.count
    ? "No photograph is like that. Show all brings them back."
    : "No photograph has a score yet. Score new photographs begins; you can cull as soon as the first are there.";
  remember();
}

function counts() {
  const { pick, reject, open } = store.tally;
  $("counts").textContent = `${plural(store.count, "photograph")} · ${pick.toLocaleString()} picked · ${reject.toLocaleString()} rejected · ${open.toLocaleString()} open`;
}

function histogram() {
  const bins = new Array(36).fill(0);
  for (const score of store.photos.score) bins[Math.min(35, Math.floor((score - 1) * 4))] += 1;
  const top = Math.max(1, ...bins);
  const bars = bins.map((count, bin) => {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const height = count ? Math.max(1, (26 * count) / top) : 0;
    for (const [name, of] of Object.entries({ x: bin * 5, y: 28 - height, width: 4, height })) bar.setAttribute(name, of);
    return bar;
  });
  $("histogram").replaceChildren(...bars);
}

function days() {
  const select = filters.elements.day;
  const before = select.value;
  const known = [...new Set(store.photos.taken.map((_, row) => day(row)))].sort();
  select.replaceChildren(new Option("any", ""), ...known.map((each) => new Option(each || "not known", each || "none")));
  select.value = before;
  if (select.selectedIndex < 0) select.value = "";
}

// Photographs may have come, gone and changed their places: everything that names a row follows.
async function reload() {
  const before = store.photos;
  const best = new Map([...store.bursts].map(([burst, rows]) => [burst, rows[0]]));
  await load();
  revision = store.photos.revision;
  if (before) {
    const rowOf = (row) => store.place.get(before.id[row]);
    grid.renumber(rowOf, (burst) => store.photos.burst[rowOf(best.get(burst))]);
    loupe.renumber(rowOf);
  }
  counts();
  histogram();
  days();
  apply();
  readRatings();
}

// What photographs' files say is read on the server's side, while the page works.
let reading = 0;
async function readRatings(pause = 500) {
  reading += 1;
  const turn = reading;
  const { complete, ratings } = await ask("ratings").catch(() => ({ complete: false, ratings: null }));
  if (turn !== reading) return; // asked for again meanwhile
  if (ratings) takeRatings(ratings);
  if (!complete) setTimeout(() => turn === reading && readRatings(Math.min(2 * pause, 8000)), pause);
  else if (value("stars") !== "0" || value("flag")) apply();
}

// Where one was, for tomorrow

let remembering = null;
function remember() {
  remembering ??= setTimeout(note, 500); // a browser takes only so many addresses in a while
}
function note() {
  clearTimeout(remembering);
  remembering = null;
  const state = Object.fromEntries(new FormData(filters));
  if (!filters.elements.folded.checked) state.folded = "off";
  state.at = store.photos?.id[grid.focus] ?? "";
  const set = Object.entries(state).filter(([name, of]) => of && !(name === "folded" && of === "on") && !(name === "sort" && of === "taken") && !(name === "stars" && of === "0"));
  history.replaceState(null, "", set.length ? `#${new URLSearchParams(set)}` : location.pathname);
}

addEventListener("pagehide", () => remembering && note());

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const [name, of] of state) {
    const field = filters.elements[name];
    if (field && field.type === "checkbox") field.checked = of !== "off";
    else if (field) field.value = of;
  }
  return state.get("at");
}

// Decisions: on what is shown, and nothing else

function targets() {
  if (loupe.isOpen()) return [loupe.shownRow()];
  if (grid.selected.size) return [...grid.selected];
  return grid.focus >= 0 ? [grid.focus] : [];
}

const CHANGE = {
  pick: () => ({ flag: "pick" }), reject: () => ({ flag: "reject" }), clear: cleared,
  ...Object.fromEntries([0, 1, 2, 3, 4, 5].map((stars) => [`stars${stars}`, () => ({ stars })])),
};

function decide(act, inverted) {
  const rows = targets().filter((row) => row >= 0);
  if (!rows.length) return;
  if (act === "keepOne") {
    keepOne(rows[0]);
    return;
  }
  const after = rows.length === 1 ? nextOf(rows[0]) : -1; // before anything changes
  choose(rows, CHANGE[act]);
  if (rows.length > 1) tell(`${plural(rows.length, "photograph")}: ${WORDS[act]}`);
  else say(grid.nameFor(rows[0]));
  if (rows.length === 1 && $("advance").checked !== inverted && !loupe.isComparing()) {
    if (after >= 0) go(after);
    else tell("That was the last one. Decision: undecided shows what is left.");
  }
}

function keepOne(row) {
  const frames = store.bursts.get(store.photos.burst[row]) ?? [row];
  const after = nextOf(frames.at(-1));
  choose(frames, (frame) => ({ flag: frame === row ? "pick" : "reject" })); // one step to undo
  tell(`Picked ${store.photos.name[row]}, rejected ${frames.length - 1} of its burst`);
  if ($("advance").checked && !loupe.isComparing() && after >= 0) go(after);
}

function nextOf(row) {
  if (!loupe.isOpen()) return grid.neighbour(row, 1);
  const frames = inBurst(row);
  const place = frames.indexOf(row);
  if (place >= 0 && place < frames.length - 1) return frames[place + 1];
  return grid.neighbour(shownFor(row), 1);
}

// In the loupe a burst that is folded in the grid is gone through frame by frame.
const inBurst = (row) => store.bursts.get(store.photos.burst[row]) ?? [row];
function shownFor(row) {
  if (grid.isShown(row)) return row;
  return inBurst(row).find((frame) => grid.isShown(frame)) ?? row;
}

function go(row, { shiftKey = false } = {}) {
  if (row < 0) return;
  if (!loupe.isOpen() && !shiftKey && grid.selected.size) {
    grid.selected.clear(); // what is decided next is where the ring is
    grid.refresh();
  }
  grid.setFocus(shownFor(row), { extend: shiftKey && !loupe.isOpen(), behind: loupe.isOpen() });
  if (loupe.isOpen()) {
    const next = nextOf(row);
    const rows = [row];
    for (let at = next; rows.length < 5 && at >= 0; at = nextOf(at)) rows.push(at);
    loupe.turnTo(row, [...rows.slice(1), grid.neighbour(shownFor(row), -1)]);
  }
  remember();
}

function previousOf(row) {
  const frames = inBurst(row);
  const place = frames.indexOf(row);
  if (place > 0) return frames[place - 1];
  const before = grid.neighbour(shownFor(row), -1);
  return before < 0 ? -1 : inBurst(before).at(-1);
}

async function turn(how) {
  try {
    const rows = await turnBack(how);
    if (!rows.length) {
      tell(`Nothing to ${how}.`);
      return;
    }
    const row = rows[0];
    if (!grid.isShown(shownFor(row))) {
      filters.reset(); // back to the photograph, though it was filtered out
      apply({ keep: false });
    }
    go(row);
    tell(`${how === "undo" ? "Taken back" : "Made again"}: ${rows.length === 1 ? grid.nameFor(row) : plural(rows.length, "photograph")}`);
  } catch (error) {
    tell(error.message);
  }
}

// What keys and buttons do

function compare() {
  const row = loupe.isOpen() ? loupe.shownRow() : grid.focus;
  const chosen = [...grid.selected];
  let rows = chosen.length > 1 ? chosen : inBurst(row);
  if (rows.length < 2) rows = [row, grid.neighbour(shownFor(row), 1)].filter((each) => each >= 0);
  if (rows.length > 1) loupe.open(rows.slice(0, 4));
  else tell("There is nothing to compare with. Select two to four in the grid with Shift or Ctrl.");
}

const ACTS = {
  next: (event) => (loupe.isComparing() ? loupe.select(loupe.current + 1) : go(loupe.isOpen() ? nextOf(loupe.shownRow()) : grid.neighbour(grid.focus, 1), event)),
  previous: (event) => (loupe.isComparing() ? loupe.select(loupe.current - 1) : go(loupe.isOpen() ? previousOf(loupe.shownRow()) : grid.neighbour(grid.focus, -1), event)),
  down: (event) => (loupe.isOpen() ? challenge(1) : go(grid.vertical(grid.focus, 1), event)),
  up: (event) => (loupe.isOpen() ? challenge(-1) : go(grid.vertical(grid.focus, -1), event)),
  open: () => openLoupe(), loupe: () => openLoupe(), toggle: () => (loupe.isOpen() ? loupe.togglePixels() : openLoupe()),
  grid: () => loupe.close(), compare, pixels: (event) => (loupe.isOpen() ? loupe.togglePixels(event) : openLoupe()),
  burst: () => unfold(), info: () => toggleInfo(), why: () => toggleWhy(), full: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  out: () => out(), help: () => showKeys(), undo: () => turn("undo"), redo: () => turn("redo"),
  all: () => selectAll(),
};

// Up and down: the next burst; while comparing, another challenger beside the pinned one.
function challenge(step) {
  if (!loupe.isComparing()) {
    const place = grid.neighbour(shownFor(loupe.shownRow()), step);
    if (place >= 0) go(place);
    return;
  }
  const frames = inBurst(loupe.shownRow());
  const taken = new Set(loupe.shownRows());
  const others = frames.filter((frame) => !taken.has(frame) || frame === loupe.shownRow());
  const at = others.indexOf(loupe.shownRow());
  if (others.length > 1) loupe.turnTo(others[(at + step + others.length) % others.length], []);
}

function openLoupe() {
  const row = loupe.isOpen() ? loupe.shownRow() : grid.focus;
  if (row < 0) return;
  loupe.open([row]);
  go(row);
}

function unfold() {
  const row = loupe.isOpen() ? loupe.shownRow() : grid.focus;
  const burst = store.photos.burst[row];
  if (burst === null || burst === undefined) return tell("This photograph stands alone.");
  if (!grid.opened.delete(burst)) grid.opened.add(burst);
  apply();
  grid.setFocus(shownFor(row), { behind: loupe.isOpen() });
  return say(grid.opened.has(burst) ? "Burst opened" : "Burst folded");
}

function selectAll() {
  grid.shownRows().forEach((row) => grid.selected.add(row));
  grid.refresh();
  tell(`${plural(grid.selected.size, "photograph")} selected`);
}

function out() {
  if (loupe.isComparing()) {
    const row = loupe.shownRow();
    loupe.open([row]);
    go(row);
  } else if (loupe.isOpen()) loupe.close();
  else if (grid.selected.size) {
    grid.selected.clear();
    grid.refresh();
  }
}

document.addEventListener("keydown", (event) => {
  if (waitingForKey || document.querySelector("dialog[open]:not(#loupe)")) return;
  const act = actOf(event);
  if (!act) {
    const decision = event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey && actOf({ ...pick(event), shiftKey: false });
    if (decision && DECISIONS.has(decision)) perform(event, decision, true);
    return;
  }
  perform(event, act, event.shiftKey && /^(pick|reject|clear|stars\d)$/.test(act));
});

const pick = ({ key, code, target, isComposing, defaultPrevented, ctrlKey, metaKey, altKey }) => ({ key, code, target, isComposing, defaultPrevented, ctrlKey, metaKey, altKey });

function perform(event, act, inverted) {
  event.preventDefault();
  if (DECISIONS.has(act)) {
    if (!event.repeat) decide(act, inverted); // a key that is held decides once
  } else ACTS[act](event);
}

$("loupe").addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]")?.dataset.act;
  if (!act) return;
  if (DECISIONS.has(act)) decide(act, false);
  else ACTS[act]({});
});
$("undo").addEventListener("click", () => turn("undo"));
$("loupe").addEventListener("cancel", (event) => {
  event.preventDefault();
  out();
});
$("loupe").addEventListener("close", grid.settle);

$("grid").addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (!tile) return;
  const row = Number(tile.dataset.row);
  if (event.ctrlKey || event.metaKey) {
    if (!grid.selected.delete(row)) grid.selected.add(row);
    grid.setFocus(row);
  } else if (event.shiftKey) grid.setFocus(row, { extend: true });
  else {
    grid.selected.clear();
    grid.refresh();
    grid.setFocus(row);
  }
  remember();
});
$("grid").addEventListener("dblclick", (event) => event.target.closest(".tile") && openLoupe());
$("grid").addEventListener("focus", () => grid.tileOf(grid.focus)?.focus({ preventScroll: true }));

// What the loupe says, outside the picture

async function fillInfo(row) {
  const facts = await ask(`photographs/${store.photos.id[row]}`);
  if (loupe.shownRow() !== row) return;
  const panel = $("info");
  panel.querySelector("h2").textContent = store.photos.name[row];
  const lines = {
    Score: `${facts.score.toFixed(2)} ± ${facts.std?.toFixed(2) ?? "?"}`, Percentile: `${facts.percentile} % of AVA score lower`,
    Technical: facts.technical === null ? null : facts.technical.toFixed(2), Size: `${facts.width} × ${facts.height}`,
    "In its files": { "-1": "rejected" }[facts.file_rating] ?? (facts.file_rating ? "★".repeat(facts.file_rating) : null), "In doubt": facts.problems.join(" "),
    Taken: facts.taken?.replace("T", " "), Camera: facts.camera, Files: facts.files.join(", "), Folder: store.photos.folder[row], Model: facts.model,
  };
  panel.querySelector("dl").replaceChildren(
    ...Object.entries(lines).flatMap(([term, text]) =>
      text ? [Object.assign(document.createElement("dt"), { textContent: term }), Object.assign(document.createElement("dd"), { textContent: text })] : [],
    ),
  );
  const top = Math.max(...(facts.votes ?? [1]));
  $("votes").replaceChildren(
    ...(facts.votes ?? []).map((share, vote) => {
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const height = Math.max(1, (58 * share) / top);
      for (const [name, of] of Object.entries({ x: vote * 20, y: 60 - height, width: 17, height })) bar.setAttribute(name, of);
      return bar;
    }),
  );
}

// One panel at a time.
function toggleWhy() {
  if (!loupe.isOpen()) openLoupe();
  if (!$("info").hidden) toggleInfo();
  why.toggle();
}

function toggleInfo() {
  if (why.isOpen()) why.toggle();
  $("info").hidden = !$("info").hidden;
  document.querySelector("[data-act=info]").setAttribute("aria-pressed", !$("info").hidden);
  caption();
}

function caption() {
  const row = loupe.shownRow();
  if (row < 0 || !store.photos) return;
  const { name, score, percentile, flag, burst, id } = store.photos;
  const frames = inBurst(row);
  const inFrames = burst[row] === null ? "" : ` · ${frames.indexOf(row) + 1} of ${frames.length} in its burst`;
  const place = grid.placeOf(shownFor(row)) + 1;
  $("place").textContent = `${name[row]} · ${place.toLocaleString()} / ${grid.shownRows().length.toLocaleString()}${inFrames}`;
  const best = frames[0];
  const behind = burst[row] !== null && row !== best ? ` · ${name[best]} is better by ${(store.photos.frame_score[best] - store.photos.frame_score[row]).toFixed(2)}` : "";
  const proposal = store.proposals.get(id[row]);
  $("verdict").textContent = `${score[row].toFixed(2)} · better than ${Math.round(percentile[row])} %${behind}${proposal ? ` · proposed: ${proposal[0]} (${proposal[1]})` : ""}`;
  const decided = (of) => [{ pick: "✓ picked", reject: "✕ rejected" }[flag[of]], "★".repeat(grid.starsOf(of))].filter(Boolean).join(" ") || "open";
  $("decision").textContent = decided(row);
  $("decision").className = flag[row] ?? "";
  loupe.label((of, pane) => `${pane === 0 ? "pinned · " : ""}${name[of]} · ${score[of].toFixed(2)} · ${decided(of)}`);
  const shown = loupe.percent();
  const words = { view: "fitted view", pixels: "every pixel", preview: "the file's preview, enlarged", loading: "loading", "loading pixels": "loading pixels", "cannot be shown": "cannot be shown" };
  $("zoom").textContent = shown ? `${shown.percent} %, ${words[shown.source] ?? ""}` : "";
  if (!$("info").hidden) fillInfo(row).catch(() => {});
  why.follow(row);
}
loupe.onShown(caption);
loupe.onTurn((act) => ACTS[act]({}));

onChange((rows) => {
  grid.refresh(rows);
  counts();
  if (loupe.isOpen()) caption();
});
onSaving(({ waiting, failed }) => {
  const saved = $("saved");
  saved.dataset.state = failed && waiting ? "failed" : waiting ? "waiting" : "";
  saved.textContent = waiting ? `${waiting} waiting to be saved${failed ? `: ${failed}` : ""}` : "Saved";
});
document.addEventListener("lost", ({ detail }) => {
  $("job").textContent = `A decision could not be saved: ${detail}`;
  say($("job").textContent);
  reload().catch(unanswered);
});

// What to keep

const proposal = $("proposal");
const ruleOf = () => {
  const { keep, maybe, unit, per } = proposal.querySelector("form").elements;
  const given = { unit: unit.value, keep: Number(keep.value), maybe: Number(maybe.value), per: per.value };
  // Points are lowest scores, so what may be kept is a score too.
  return unit.value === "score" ? { ...given, maybe: given.maybe || given.keep } : given;
};
$("propose").addEventListener("click", () => proposal.showModal());
$("look").addEventListener("click", async () => {
  $("proposed").textContent = "Looking …";
  try {
    const { decisions, problems } = await ask("proposal", { method: "POST", body: ruleOf() });
    store.proposals = new Map(Object.entries(decisions));
    const amount = (which) => [...store.proposals.values()].filter(([decision]) => decision === which).length;
    $("proposed").textContent = `${amount("keep")} to keep, ${amount("maybe")} maybe, ${amount("reject")} to reject.${problems.length ? ` ${problems.join(" ")}` : ""}`;
    $("accept").disabled = false;
    grid.refresh();
  } catch (error) {
    $("proposed").textContent = error.message;
  }
});
$("accept").addEventListener("click", () => {
  const { id, flag } = store.photos;
  const flagOf = { keep: "pick", reject: "reject" };
  const open = id.map((_, row) => row).filter((row) => !flag[row] && flagOf[store.proposals.get(id[row])?.[0]]);
  if (open.length) choose(open, (row) => ({ flag: flagOf[store.proposals.get(id[row])[0]] }));
  $("proposed").textContent = `${plural(open.length, "photograph")} decided as proposed. Ctrl+Z takes it back.`;
});

// What to do with the files

let plan = null;
let run = null;
const planForm = $("plan").querySelector("form");
const chosenAction = () => planForm.elements.action.value;
$("apply").addEventListener("click", () => {
  forgetPlan();
  $("plan").showModal();
});
function forgetPlan() {
  plan = null;
  $("carry-out").disabled = true;
  $("plan-words").textContent = "";
  $("steps").replaceChildren();
  const rule = ruleOf();
  const words = { count: plural(rule.keep, "photograph"), percent: `${rule.keep} per cent`, score: `from ${rule.keep} points` }[rule.unit];
  $("rule-note").textContent =
    chosenAction() === "choices" ? "Nothing is written into the photographs themselves." : `What you picked is kept, what you rejected is rejected; the rule (${words} of ${{ burst: "each burst", day: "each day", all: "all" }[rule.per]}) decides what is open. Sidecars and RAW files go with their photographs.`;
}
planForm.addEventListener("change", forgetPlan);
$("show-plan").addEventListener("click", async () => {
  $("plan-words").textContent = "Looking …";
  await send();
  try {
    plan = await ask("plan", { method: "POST", body: { action: chosenAction(), rule: ruleOf() } });
    const size = plan.bytes ? `, ${(plan.bytes / 1e6).toFixed(0)} MB to write` : "";
    $("plan-words").textContent = plan.count ? `${plural(plan.count, "step")}${size}. ${plan.problems.join(" ")}` : `Nothing is to be done. ${plan.problems.join(" ")}`;
    $("steps").replaceChildren(
      ...plan.steps.map(({ how, path, target }) => Object.assign(document.createElement("li"), { textContent: target ? `${how} ${path} → ${target}` : `${how} ${path}` })),
    );
    if (plan.count > plan.steps.length) $("plan-words").textContent += ` The first ${plan.steps.length} are shown.`;
    $("carry-out").disabled = !plan.count;
  } catch (error) {
    $("plan-words").textContent = error.message;
  }
});
$("carry-out").addEventListener("click", async () => {
  $("carry-out").disabled = true;
  await start("apply", { name: plan.name });
});
$("undo-run").addEventListener("click", async () => {
  $("undo-run").disabled = true;
  await start("runs/undo", { name: run });
});

async function start(path, body) {
  try {
    showJob(await ask(path, { method: "POST", body }));
    watch();
  } catch (error) {
    $("plan-words").textContent = error.message;
    $("job").textContent = error.message;
  }
}

// What is going on

let revision = 0;
function showJob(job) {
  const running = job?.state === "running";
  $("undo-run").disabled = running || run === null;
  $("progress").hidden = !running;
  $("cancel").hidden = !running || job.kind !== "score";
  $("score").disabled = running;
  if (!job) return;
  if (job.total) $("progress").max = job.total;
  $("progress").value = job.done;
  const words = { score: "Scoring", apply: "Carrying out", undo: "Taking back" }[job.kind];
  const left = job.left === null ? "" : `, ${job.left < 90 ? `${Math.ceil(job.left)} s` : `${Math.round(job.left / 60)} min`} left`;
  $("job").textContent = running
    ? `${words} ${job.done.toLocaleString()}${job.total ? ` of ${job.total.toLocaleString()}` : ""}${job.rate ? `, ${job.rate.toFixed(1)}/s` : ""}${left}${job.failed ? `, ${job.failed} failed` : ""}`
    : `${words}: ${job.state}. ${job.words}`;
  if (!running && job.kind !== "score") $("plan-words").textContent = $("job").textContent;
}

// One stream while a job runs and the page is seen: each takes one of a browser's six connections.
let events = null;
function watch() {
  events?.close();
  events = new EventSource("/v1/library/events");
  events.onmessage = ({ data }) => showState(JSON.parse(data));
  events.onerror = () => {
    events?.close();
    events = null;
    setTimeout(look, 2000);
  };
}
async function showState(state) {
  $("title").textContent = document.title = state.name;
  $("failures").hidden = !state.failures;
  $("failures").textContent = `${state.failures.toLocaleString()} without a score`;
  run = state.run;
  showJob(state.job);
  showAway(state.away);
  if (state.job?.state !== "running") {
    events?.close();
    events = null;
  }
  if (state.revision !== revision) {
    revision = state.revision; // not twice for the same
    await reload();
  }
}
function showAway(away) {
  $("away").hidden = !away.length;
  const named = away.slice(0, 3).map(({ folder, photographs }) => `${folder || "this folder"} (${plural(photographs, "photograph")})`);
  const more = away.length > 3 ? ` and ${plural(away.length - 3, "other folder")}` : "";
  $("away-words").textContent = `Not there now: ${named.join(", ")}${more}. Is the disk connected?`;
}
$("look-again").addEventListener("click", async () => {
  $("look-again").disabled = true;
  await ask("reload", { method: "POST" }).then(showState).catch(unanswered);
  $("look-again").disabled = false;
});
function unanswered(error) {
  $("job").textContent = `The service does not answer: ${error.message}`;
}
async function look() {
  try {
    const state = await ask("state");
    await showState(state);
    if (state.job?.state === "running" && !document.hidden) watch();
  } catch (error) {
    unanswered(error);
    setTimeout(look, 2000);
  }
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
  else if (events) {
    events.close();
    events = null;
  }
});
$("score").addEventListener("click", () => start("score"));
$("cancel").addEventListener("click", () => ask("score", { method: "DELETE" }));
$("failures").addEventListener("click", async () => {
  $("failed").querySelector("ul").replaceChildren();
  $("failed").showModal();
  await moreFailures();
});
$("more-failures").addEventListener("click", moreFailures);
async function moreFailures() {
  const list = $("failed").querySelector("ul");
  const { count, failures } = await ask(`failures?start=${list.children.length}`);
  list.append(
    ...failures.map(({ path, code, message }) => {
      const item = document.createElement("li");
      item.append(path, ": ", message, " ", Object.assign(document.createElement("code"), { textContent: code }));
      return item;
    }),
  );
  const left = count - list.children.length;
  $("more-failures").hidden = left <= 0;
  $("more-failures").textContent = `Show more (${left.toLocaleString()} left)`;
}

// Keys, light and dark

let waitingForKey = null;
function showKeys() {
  const rows = Object.entries(WORDS).map(([act, words]) => {
    const line = document.createElement("tr");
    const cell = document.createElement("td");
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: keyOf(act) });
    button.setAttribute("aria-label", `${words}: ${keyOf(act)}. Press to change`);
    button.addEventListener("click", () => {
      waitingForKey = { act, button };
      button.textContent = "press a key";
    });
    cell.append(button);
    line.append(cell, Object.assign(document.createElement("td"), { textContent: words }));
    return line;
  });
  const undo = document.createElement("tr");
  undo.append(Object.assign(document.createElement("td"), { textContent: "Ctrl+Z, Ctrl+Shift+Z" }), Object.assign(document.createElement("td"), { textContent: "take a decision back, make it again" }));
  $("keys").querySelector("tbody").replaceChildren(...rows, undo);
  $("keys-on").checked = keysOn();
  if (!$("keys").open) $("keys").showModal();
}
$("keys").addEventListener("keydown", (event) => {
  if (!waitingForKey || ["Shift", "Control", "Alt", "Meta", "Tab"].includes(event.key)) return;
  event.preventDefault();
  const { act } = waitingForKey;
  waitingForKey = null;
  if (event.key !== "Escape" || act === "out") {
    const clash = remap(act, nameOf(event));
    if (clash) tell(`That key means: ${WORDS[clash]}`);
  }
  showKeys();
});
$("keys").addEventListener("close", () => (waitingForKey = null));
$("keys-on").addEventListener("change", (event) => switchKeys(event.target.checked));
$("keys-usual").addEventListener("click", () => {
  usualKeys();
  showKeys();
});
$("help").addEventListener("click", showKeys);
const theme = localStorage.getItem("ilgnet.theme");
if (theme) document.documentElement.dataset.theme = theme;
$("theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  document.documentElement.dataset.theme = now === "light" ? "dark" : "light";
  localStorage.setItem("ilgnet.theme", document.documentElement.dataset.theme);
});

filters.addEventListener("input", () => apply());
filters.addEventListener("reset", () => setTimeout(apply));
filters.addEventListener("submit", (event) => event.preventDefault());

const at = recall();
await reload();
const row = store.place.get(at);
if (row !== undefined) grid.setFocus(shownFor(row));
await look();
await send();
document.documentElement.dataset.ready = "yes";

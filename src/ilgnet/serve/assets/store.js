// What the page knows: columns from the server, choices made here, and those still on their way.

export const store = {
  photos: null, // columns of one length; flag and stars as they count, `own` as they were chosen here
  count: 0,
  place: new Map(), // id -> row
  bursts: new Map(), // burst -> rows, best first
  proposals: new Map(), // id -> [decision, reason]
  tally: { pick: 0, reject: 0, open: 0, starred: 0 }, // how many photographs
  ratings: new Map(), // id -> what the photograph's files say: -1 for a reject, or stars
};

const listeners = new Set();
export const onChange = (listener) => listeners.add(listener);
const changed = (rows) => listeners.forEach((listener) => listener(rows));

export async function ask(path, options = {}) {
  const { body, ...rest } = options;
  const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await fetch(`/v1/library/${path}`, { ...rest, ...json });
  if (!answer.ok) {
    const reason = await answer.json().then((problem) => problem.detail, () => answer.statusText);
    throw Object.assign(new Error(typeof reason === "string" ? reason : answer.statusText), { status: answer.status });
  }
  return answer.status === 204 ? null : answer.json();
}

export const view = (row, size) => `/v1/library/photographs/${store.photos.id[row]}/view?size=${size}&v=${store.photos.content[row]}`;
export const pixels = (row) => `/v1/library/photographs/${store.photos.id[row]}/pixels?v=${store.photos.content[row]}`;
export const day = (row) => store.photos.taken[row]?.slice(0, 10) ?? "";

export async function load() {
  const photos = await ask("photographs");
  if (outbox === null) await openOutbox(photos.library);
  photos.own = { flag: photos.flag, stars: photos.stars };
  photos.flag = photos.flag.slice();
  photos.stars = photos.stars.slice();
  store.photos = photos;
  store.count = photos.id.length;
  store.place = new Map(photos.id.map((id, row) => [id, row]));
  store.bursts = new Map();
  photos.burst.forEach((burst, row) => {
    if (burst === null) return;
    if (!store.bursts.has(burst)) store.bursts.set(burst, []);
    store.bursts.get(burst).push(row);
  });
  for (const rows of store.bursts.values()) {
    rows.sort((a, b) => photos.frame_score[b] - photos.frame_score[a] || a - b);
  }
  store.tally = { pick: 0, reject: 0, open: 0, starred: 0 };
  for (let row = 0; row < store.count; row += 1) store.tally[kindOf(row)] += 1;
  for (const id of store.ratings.keys()) settle(store.place.get(id));
  for (const changes of outbox) take(changes);
}

const kindOf = (row) => store.photos.flag[row] ?? (store.photos.stars[row] === null ? "open" : "starred");

// What counts, as `cull` takes it: a choice made here before what files say.
function settle(row) {
  if (row === undefined) return;
  const { own, flag, stars, id } = store.photos;
  const said = store.ratings.get(id[row]);
  store.tally[kindOf(row)] -= 1;
  flag[row] = own.flag[row] ?? (said === -1 && own.stars[row] === null ? "reject" : null);
  stars[row] = own.stars[row] ?? (said > 0 ? said : null);
  store.tally[kindOf(row)] += 1;
}

export function takeRatings(ratings) {
  const rows = [];
  for (const [id, rating] of Object.entries(ratings)) {
    if (store.ratings.get(id) === rating) continue;
    store.ratings.set(id, rating);
    settle(store.place.get(id));
    rows.push(store.place.get(id));
  }
  for (const id of store.ratings.keys()) {
    if (id in ratings) continue;
    store.ratings.delete(id);
    settle(store.place.get(id));
    rows.push(store.place.get(id));
  }
  const known = rows.filter((row) => row !== undefined);
  if (known.length) changed(known);
}

// Neither picked nor rejected: a reject that a file tells of is taken back by taking its stars away.
export const cleared = (row) => (store.photos.own.stars[row] === null && store.ratings.get(store.photos.id[row]) === -1 ? { flag: null, stars: 0 } : { flag: null });

// Choices. Painted at once; sent in order, again and again, until the server has them. Each says only
// what is new, so that two pages that are open take nothing back that the other has done.

let outbox = null; // lists of changes, each one step to undo
let kept = ""; // where they are kept, for this page alone
let others = null; // the same library in other tabs
let sending = null;
let failed = "";
const watchers = new Set();
export const onSaving = (watcher) => watchers.add(watcher);
const saving = () => watchers.forEach((watcher) => watcher({ waiting: outbox.length, failed }));

// A page holds a lock as long as it lives; what a page has left behind is sent by another.
async function openOutbox(library) {
  const prefix = `ilgnet.outbox.${library}.`;
  kept = prefix + crypto.randomUUID();
  outbox = [];
  navigator.locks.request(kept, () => new Promise(() => {}));
  const { held } = await navigator.locks.query();
  const alive = new Set(held.map((lock) => lock.name));
  for (const name of Object.keys(localStorage).filter((each) => each.startsWith(prefix))) {
    if (alive.has(name)) navigator.locks.request(name, () => adopt(name)); // when that page is gone
    else adopt(name);
  }
  others = new BroadcastChannel(prefix);
  others.onmessage = ({ data }) => changed(takeAnswer(data));
}

function adopt(name) {
  const left = JSON.parse(localStorage.getItem(name) ?? "[]");
  localStorage.removeItem(name);
  outbox.splice(sending ? 1 : 0, 0, ...left);
  keep();
  if (store.photos) {
    for (const changes of outbox) changed(take(changes));
    send();
  }
}

function take(changes) {
  const rows = [];
  for (const { id, ...news } of changes) {
    const row = store.place.get(id);
    if (row === undefined) continue;
    for (const [name, value] of Object.entries(news)) store.photos.own[name][row] = value;
    settle(row);
    rows.push(row);
  }
  return rows;
}

// What the server has; what waits to be sent is newer.
function takeAnswer(answer) {
  const rows = take(Object.entries(answer).map(([id, choice]) => ({ id, ...choice })));
  for (const changes of outbox) take(changes);
  return rows;
}

// `changeOf` says for a row what is new of its flag and stars.
export function choose(rows, changeOf) {
  const changes = rows.map((row) => ({ id: store.photos.id[row], ...changeOf(row) }));
  outbox.push(changes);
  const sent = send(); // on its way before anything is painted
  changed(take(changes));
  keep();
  return sent;
}

function keep() {
  try {
    if (outbox.length) localStorage.setItem(kept, JSON.stringify(outbox));
    else localStorage.removeItem(kept);
  } catch {
    // More than a browser keeps: they are on their way all the same.
  }
  saving();
}

export function send() {
  sending ??= sendAll().finally(() => (sending = null));
  return sending;
}

const FINAL = new Set([400, 404, 409, 413, 422]); // to ask again would change nothing

async function sendAll() {
  let pause = 250;
  while (outbox.length) {
    try {
      const answer = await ask("choices", { method: "POST", body: { changes: outbox[0] } });
      failed = "";
      pause = 250;
      outbox.shift();
      keep();
      others.postMessage(answer.changed);
      changed(takeAnswer(answer.changed)); // copies of a picture share its choice
    } catch (error) {
      failed = error.message;
      if (FINAL.has(error.status)) {
        outbox.shift(); // the person is told, and what is true is loaded again
        keep();
        document.dispatchEvent(new CustomEvent("lost", { detail: error.message }));
        continue;
      }
      saving();
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(pause * 2, 8000);
    }
  }
  saving();
}

export async function turnBack(how) {
  await send();
  const { changed: given } = await ask(`choices/${how}`, { method: "POST" });
  others.postMessage(given);
  const rows = takeAnswer(given);
  changed(rows);
  return rows;
}

addEventListener("online", send);
addEventListener("beforeunload", (event) => outbox?.length && event.preventDefault());

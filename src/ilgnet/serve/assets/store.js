// What the page knows: columns from the server, choices made here, and those still on their way.

export const store = {
  photos: null, // columns of one length
  count: 0,
  place: new Map(), // id -> row
  bursts: new Map(), // burst -> rows, best first
  proposals: new Map(), // id -> [decision, reason]
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
    throw Object.assign(new Error(reason), { status: answer.status });
  }
  return answer.status === 204 ? null : answer.json();
}

export const view = (row, size) => `/v1/library/photographs/${store.photos.id[row]}/view?size=${size}&v=${store.photos.content[row]}`;
export const pixels = (row) => `/v1/library/photographs/${store.photos.id[row]}/pixels?v=${store.photos.content[row]}`;
export const day = (row) => store.photos.taken[row]?.slice(0, 10) ?? "";

export async function load() {
  const photos = await ask("photographs");
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
  store.proposals.clear();
  for (const { changes } of outbox) take(changes);
}

// Choices. Painted at once; sent in order, again and again, until the server has them.

const KEPT = "ilgnet.outbox";
let outbox = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
let sending = null;
let failed = "";
const watchers = new Set();
export const onSaving = (watcher) => watchers.add(watcher);
const saving = () => watchers.forEach((watcher) => watcher({ waiting: outbox.length, failed }));

function take(changes) {
  const rows = [];
  for (const { id, flag, stars } of changes) {
    const row = store.place.get(id);
    if (row === undefined) continue;
    store.photos.flag[row] = flag;
    store.photos.stars[row] = stars;
    rows.push(row);
  }
  return rows;
}

// `changeOf` says for a row what is new of its flag and stars.
export function choose(rows, changeOf) {
  const { id, flag, stars } = store.photos;
  const changes = rows.map((row) => ({ id: id[row], flag: flag[row], stars: stars[row], ...changeOf(row) }));
  changed(take(changes));
  outbox.push({ changes });
  keep();
  return send();
}

function keep() {
  localStorage.setItem(KEPT, JSON.stringify(outbox));
  saving();
}

export function send() {
  sending ??= sendAll().finally(() => (sending = null));
  return sending;
}

async function sendAll() {
  let pause = 250;
  while (outbox.length) {
    try {
      const answer = await ask("choices", { method: "POST", body: outbox[0] });
      failed = "";
      pause = 250;
      outbox.shift();
      keep();
      // Copies of a picture share its choice; what waits to be sent is newer than this answer.
      if (!outbox.length) changed(take(Object.entries(answer.changed).map(([i, c]) => ({ id: i, ...c }))));
    } catch (error) {
      failed = error.message;
      if (error.status === 400 || error.status === 409 && !/wait/.test(error.message)) {
        outbox.shift(); // this will never be taken; the person is told and the truth is loaded again
        keep();
        document.dispatchEvent(new CustomEvent("reload"));
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
  const rows = take(Object.entries(given).map(([id, choice]) => ({ id, ...choice })));
  changed(rows);
  return rows;
}

addEventListener("online", send);
addEventListener("beforeunload", (event) => outbox.length && event.preventDefault());

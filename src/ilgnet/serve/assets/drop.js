// Pictures that are dropped on the page are scored, shown best first, and kept nowhere.

const dialog = document.getElementById("dropped");
const list = dialog.querySelector("ol");
const words = document.getElementById("dropped-words");
const AT_A_TIME = 16; // pictures of one request

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  score([...event.dataTransfer.files]);
});

async function score(files) {
  if (!files.length) return;
  const rows = [];
  list.replaceChildren();
  if (!dialog.open) dialog.showModal();
  let stopped = false;
  dialog.addEventListener("close", () => (stopped = true), { once: true });
  for (let at = 0; at < files.length && !stopped; at += AT_A_TIME) {
    words.textContent = `Scoring ${at.toLocaleString()} of ${files.length.toLocaleString()} …`;
    const some = files.slice(at, at + AT_A_TIME);
    rows.push(...(await scored(some).catch((error) => some.map(({ name }) => ({ path: name, score: null, error })))));
    show(rows);
  }
  words.textContent = `${rows.filter((row) => row.score !== null).length.toLocaleString()} of ${files.length.toLocaleString()} have a score. Nothing of them is kept.`;
}

async function scored(files) {
  const form = new FormData();
  for (const file of files) form.append("pictures", file, file.name);
  for (;;) {
    const answer = await fetch("/v1/score", { method: "POST", body: form });
    if (answer.ok) return (await answer.json()).rows;
    if (answer.status !== 429) throw new Error((await answer.json()).detail);
    await new Promise((done) => setTimeout(done, 1000 * Number(answer.headers.get("Retry-After") ?? 1)));
  }
}

function show(rows) {
  const best = rows.toSorted((a, b) => (b.score ?? 0) - (a.score ?? 0));
  list.replaceChildren(
    ...best.map(({ path, score: points, percentile, error }) => {
      const item = document.createElement("li");
      item.textContent = points === null ? `${path}: ${error.message}` : `${path}: ${points.toFixed(2)}, better than ${Math.round(percentile)} %`;
      return item;
    }),
  );
}

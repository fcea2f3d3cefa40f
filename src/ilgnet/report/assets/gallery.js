"use strict";

// The cards are in the file already, best first; row i of the data is card i. Of those to show,
// a page at a time is put into the gallery as its end comes near.
// One state, one function that shows it.

(() => {
  const byId = (id) => document.getElementById(id);
  const gallery = document.querySelector(".gallery");
  const cards = [...gallery.children, ...byId("rest").content.children];
  const pictures = JSON.parse(byId("rows").textContent).map((row, i) => ({
    ...row,
    card: cards[i],
    sought: row.path.toLowerCase(),
  }));
  const failures = [...document.querySelectorAll("#failures li")];

  const PAGE = 120;

  const state = {
    text: "",
    verdict: "all", // all, high, low, failed
    low: null, // scores from `low` up to, not including, `high`
    high: null,
    sort: "score",
    descending: true,
  };
  let visible = pictures; // what is shown now, in order

  // ---- what is shown, in which order ----

  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const byNumber = (key) => (a, b) => (a[key] ?? -1) - (b[key] ?? -1);
  const orders = {
    score: byNumber("score"),
    percentile: byNumber("percentile"),
    std: byNumber("std"),
    name: (a, b) => collator.compare(a.name, b.name) || collator.compare(a.path, b.path),
  };

  function matches(picture) {
    return (
      (state.verdict === "all" || state.verdict === picture.verdict) &&
      (state.low === null || picture.score >= state.low) &&
      (state.high === null || picture.score < state.high) &&
      picture.sought.includes(state.text)
    );
  }

  function show() {
    const order = orders[state.sort];
    visible = pictures
      .filter(matches)
      .sort((a, b) => (state.descending ? order(b, a) : order(a, b)));
    gallery.replaceChildren();
    showUpTo(0);
    const failed = showFailures();
    byId("nothing").hidden = visible.length + failed > 0 || pictures.length + failures.length === 0;
    gallery.hidden = visible.length === 0;
    showRange();
    byId("announcement").textContent = `${visible.length} of ${pictures.length} photographs shown`;
  }

  function showUpTo(place) {
    const begin = gallery.children.length;
    const end = Math.max(place + 1, begin + PAGE);
    gallery.append(...visible.slice(begin, end).map((picture) => picture.card));
    // Observing anew reports anew: a tall window may need several pages at once.
    ending.disconnect();
    ending.observe(byId("end"));
  }

  const ending = new IntersectionObserver(
    ([entry]) => {
      if (entry.isIntersecting && gallery.children.length < visible.length) showUpTo(0);
    },
    { rootMargin: "1500px" },
  );

  function showFailures() {
    const wanted =
      state.verdict === "failed" ||
      (state.verdict === "all" && state.low === null && state.high === null);
    let shown = 0;
    for (const item of failures) {
      item.hidden = !(wanted && item.textContent.toLowerCase().includes(state.text));
      shown += !item.hidden;
    }
    byId("failures").hidden = shown === 0;
    return shown;
  }

  function change(what) {
    Object.assign(state, what);
    show();
  }

  // ---- controls ----

  const text = byId("text");
  text.addEventListener("input", () => change({ text: text.value.trim().toLowerCase() }));
  document.querySelector(".verdicts").addEventListener("change", (event) => {
    change({ verdict: event.target.value });
  });

  const direction = byId("direction");
  function setOrder(sort, descending) {
    const words = sort === "name" ? ["Z to A", "A to Z"] : ["Highest first", "Lowest first"];
    direction.title = words[descending ? 0 : 1];
    direction.setAttribute("aria-label", direction.title);
    direction.textContent = descending ? "\u2193" : "\u2191";
    change({ sort, descending });
  }
  byId("sort").addEventListener("change", (event) => {
    setOrder(event.target.value, event.target.value !== "name");
  });
  direction.addEventListener("click", () => setOrder(state.sort, !state.descending));

  byId("size").addEventListener("input", (event) => {
    gallery.style.setProperty("--zoom", event.target.value);
  });

  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme ?? (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });

  function clear() {
    text.value = "";
    document.querySelector(".verdicts input").checked = true;
    change({ text: "", verdict: "all", low: null, high: null });
  }
  byId("clear").addEventListener("click", clear);
  byId("clear-range").addEventListener("click", () => change({ low: null, high: null }));

  // ---- histogram ----

  const scores = pictures.map((picture) => picture.score);
  const step = pictures.length > 400 ? 0.1 : 0.2;
  const middle = 5; // above it a picture is high; always an edge between two bars
  const lowest = scores.reduce((a, b) => Math.min(a, b), 4);
  const highest = scores.reduce((a, b) => Math.max(a, b), 6.4);
  const from = middle - step * (Math.floor((middle - lowest) / step) + 1);
  const to = middle + step * (Math.floor((highest - middle) / step) + 2);
  const edge = (place) => Math.round((from + place * step) * 100) / 100;
  const bars = [];
  let anchor = 0; // where a range of bars begins

  function drawHistogram() {
    const counts = new Array(Math.round((to - from) / step)).fill(0);
    for (const score of scores) {
      counts[Math.min(counts.length - 1, Math.floor((score - from) / step + 1e-9))] += 1;
    }
    const most = Math.max(...counts);
    const holder = document.querySelector(".bars");
    counts.forEach((count, place) => {
      const bar = document.createElement("button");
      const label = `${edge(place).toFixed(1)} to ${edge(place + 1).toFixed(1)}: ${count}`;
      bar.type = "button";
      bar.tabIndex = place ? -1 : 0;
      bar.title = label;
      bar.setAttribute("aria-label", label);
      bar.append(document.createElement("span"));
      bar.firstChild.style.height = `${(100 * count) / most}%`;
      bar.classList.toggle("good", edge(place) >= middle);
      bars.push(bar);
    });
    holder.append(...bars);
    drawAxis();
    followBars(holder);
  }

  function drawAxis() {
    const axis = document.querySelector(".axis");
    for (let score = Math.ceil(from + step); score <= to - step; score += 1) {
      const label = document.createElement("span");
      label.textContent = score;
      label.style.left = `${(100 * (score - from)) / (to - from)}%`;
      axis.append(label);
    }
  }

  function selectBars(a, b) {
    const low = edge(Math.min(a, b));
    const high = edge(Math.max(a, b) + 1);
    const again = state.low === low && state.high === high;
    change(again ? { low: null, high: null } : { low, high });
  }

  // A click takes one bar, a drag or Shift a range; arrow keys move between the bars.
  function followBars(holder) {
    let dragged = null;
    const barAt = (event) =>
      bars.indexOf(document.elementFromPoint(event.clientX, event.clientY)?.closest("button"));
    holder.addEventListener("pointerdown", (event) => {
      dragged = barAt(event);
    });
    holder.addEventListener("pointermove", (event) => {
      const place = dragged === null ? -1 : barAt(event);
      if (place < 0 || (place === dragged && state.low === null)) return;
      const low = edge(Math.min(place, dragged));
      const high = edge(Math.max(place, dragged) + 1);
      if (place !== dragged && (low !== state.low || high !== state.high)) change({ low, high });
    });
    addEventListener("pointerup", () => {
      dragged = null;
    });
    holder.addEventListener("click", (event) => {
      const place = bars.indexOf(event.target.closest("button"));
      if (place < 0) return;
      if (!event.shiftKey) anchor = place;
      selectBars(anchor, place);
    });
    holder.addEventListener("keydown", (event) => {
      const place = bars.indexOf(document.activeElement);
      const next = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: bars.length - 1 };
      const bar = bars[next[event.key]];
      if (!bar) return;
      event.preventDefault();
      bars[place].tabIndex = -1;
      bar.tabIndex = 0;
      bar.focus();
    });
  }

  const minimum = byId("minimum");
  minimum.addEventListener("input", () => {
    const low = Number(minimum.value);
    change({ low: low > from ? low : null, high: null });
  });

  function showRange() {
    const all = state.low === null && state.high === null;
    bars.forEach((bar, place) => {
      const inside =
        !all &&
        edge(place) >= (state.low ?? from) - 1e-9 &&
        edge(place + 1) <= (state.high ?? to) + 1e-9;
      bar.classList.toggle("in", inside);
      bar.setAttribute("aria-pressed", inside);
    });
    bars[0]?.parentElement.classList.toggle("chosen", !all);
    minimum.value = state.low ?? from;
    const range =
      state.high === null
        ? `At least ${state.low?.toFixed(1)}`
        : `From ${state.low.toFixed(1)} to ${state.high.toFixed(1)}`;
    byId("range").textContent = all ? "All scores" : `${range}: ${visible.length}`;
    byId("clear-range").hidden = all;
  }

  // ---- one picture, large ----

  const detail = byId("detail");
  let current = 0; // place in `visible`

  function open(place) {
    current = place;
    fill(visible[place]);
    if (!detail.open) detail.showModal();
  }

  function turn(by) {
    const place = current + by;
    if (place >= 0 && place < visible.length) open(place);
  }

  function fill(picture) {
    const small = picture.card.querySelector("img");
    const image = byId("detail-image");
    image.hidden = !small;
    byId("detail-gone").hidden = Boolean(small);
    if (small) {
      image.src = small.src;
      image.alt = picture.name;
      // As far beyond its own size as the small copy stands.
      image.style.width = `${1.75 * small.getAttribute("width")}px`;
    }
    byId("detail-place").textContent = `${current + 1} of ${visible.length}`;
    byId("detail-score").textContent = picture.score.toFixed(2);
    const verdict = byId("detail-verdict");
    verdict.textContent = picture.verdict;
    verdict.className = picture.verdict;
    byId("detail-sure").textContent =
      picture.verdict === "high"
        ? `${percent(picture.p_high)} sure that the mean vote is above 5`
        : `${percent(1 - picture.p_high)} sure that the mean vote is 5 or less`;
    byId("detail-name").textContent = picture.name;
    byId("detail-folder").textContent = picture.folder;
    byId("copy").textContent = "Copy path";
    drawVotes(picture);
    fillFacts(picture);
    fillReasons(picture);
    byId("back").disabled = current === 0;
    byId("on").disabled = current === visible.length - 1;
  }

  const percent = (share) => `${Math.min(99, Math.max(1, Math.round(100 * share)))}%`;

  function fillFacts(picture) {
    const facts = [
      // Rounded down: the best picture of a run is not better than all of it.
      ["Better than", `${Math.floor(picture.percentile)}% of AVA`],
      ["", `${Math.floor(picture.run_percentile)}% of this run`],
      ["Disagreement", picture.std === null ? null : `\u00b1 ${picture.std.toFixed(2)} votes`],
      ["Technical", picture.technical === null ? null : `${signed(picture.technical)} standard deviations`],
      ["Pixels", `${picture.width} \u00d7 ${picture.height}`],
    ];
    const list = byId("detail-facts");
    list.replaceChildren();
    for (const [name, value] of facts.filter((fact) => fact[1] !== null)) {
      list.append(element("dt", name), element("dd", value));
    }
  }

  // ---- why: the card carries it, shut; here it is spread out, its map over the picture ----

  function fillReasons(picture) {
    const why = picture.card.querySelector(".why");
    const copyOf = (part) => why?.querySelector(part).cloneNode(true);
    byId("detail-why").hidden = byId("detail-tables").hidden = !why;
    for (const [holder, part] of [
      ["detail-said", ".said"],
      ["detail-map", ".mapped"],
      ["detail-tables", ".tables"],
    ]) {
      byId(holder).replaceChildren(...(why ? [copyOf(part)] : []));
    }
    byId("detail-map").querySelector("img")?.remove();
    const layer = byId("detail-layer");
    if (why) {
      layer.src = why.querySelector(".layer").src;
      layer.alt = `Map: ${[...why.querySelectorAll(".ramp span")].map((end) => end.textContent).join(", ")}`;
      // The layer lies in the very box of the picture, which is as large as its own shape allows.
      layer.style.width = byId("detail-image").style.width;
      layer.style.aspectRatio = picture.width / picture.height;
    }
    showMap(mapped);
  }

  let mapped = false; // stays as it is from picture to picture

  function showMap(wanted) {
    mapped = wanted;
    const shown = wanted && !byId("detail-why").hidden;
    detail.classList.toggle("mapped", shown);
    byId("detail-layer").hidden = byId("detail-map").hidden = !shown;
    byId("map").setAttribute("aria-pressed", shown);
    byId("map").textContent = shown ? "Hide the map" : "Show the map";
  }
  byId("map").addEventListener("click", () => showMap(!mapped));

  const signed = (votes) => `${votes < 0 ? "\u2212" : "+"}${Math.abs(votes).toFixed(2)}`;

  function element(tag, content) {
    const made = document.createElement(tag);
    made.textContent = content;
    return made;
  }

  function drawVotes(picture) {
    const chart = byId("detail-votes");
    chart.replaceChildren();
    chart.toggleAttribute("hidden", !picture.votes);
    if (!picture.votes) return;
    const most = Math.max(...picture.votes);
    picture.votes.forEach((share, place) => {
      const height = Math.max(1, (96 * share) / most);
      const bar = drawn("rect", { x: 30 * place + 3, y: 98 - height, width: 24, height, rx: 1.5 });
      if (place >= 5) bar.classList.add("good");
      const label = drawn("text", { x: 30 * place + 15, y: 114 });
      label.textContent = place + 1;
      chart.append(bar, label);
    });
    const x = 30 * (picture.score - 1) + 15;
    chart.append(drawn("line", { x1: x, x2: x, y1: -6, y2: 98 }));
    const spoken = picture.votes.map((share, i) => `${i + 1}: ${Math.round(100 * share)}%`);
    chart.setAttribute("aria-label", `Expected votes: ${spoken.join(", ")}`);
  }

  function drawn(tag, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  gallery.addEventListener("click", (event) => {
    const card = event.target.closest(".photo")?.closest(".card");
    if (card) open(visible.findIndex((picture) => picture.card === card));
  });
  byId("back").addEventListener("click", () => turn(-1));
  byId("on").addEventListener("click", () => turn(1));
  byId("close").addEventListener("click", () => detail.close());
  detail.addEventListener("close", () => {
    if (current >= gallery.children.length) showUpTo(current);
    const photo = visible[current]?.card.querySelector(".photo");
    photo?.focus({ preventScroll: true });
    photo?.scrollIntoView({ block: "nearest" });
  });
  byId("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(visible[current].path);
      byId("copy").textContent = "Copied";
    } catch {
      byId("copy").textContent = "Copying is not allowed here";
    }
  });

  let touch = null; // where a finger came down on the large picture
  const figure = detail.querySelector("figure");
  figure.addEventListener("pointerdown", (event) => {
    touch = event.pointerType === "touch" ? event : null;
  });
  figure.addEventListener("pointerup", (event) => {
    if (!touch) return;
    const [x, y] = [event.clientX - touch.clientX, event.clientY - touch.clientY];
    if (Math.abs(x) > 48 && Math.abs(x) > 2 * Math.abs(y)) turn(x < 0 ? 1 : -1);
    touch = null;
  });

  // ---- keys on the page ----

  gallery.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const card = event.target.closest(".card");
    if (!by || !card) return;
    const place = visible.findIndex((picture) => picture.card === card) + by;
    visible[place]?.card.querySelector(".photo").focus();
  });
  addEventListener("keydown", (event) => {
    if (detail.open) {
      const last = visible.length - 1;
      const place = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: last }[event.key];
      if (event.key === "m" && !event.ctrlKey && !event.metaKey) byId("map").click();
      if (place === undefined) return;
      event.preventDefault();
      turn(place - current);
    } else if (event.key === "/" && document.activeElement !== text) {
      event.preventDefault();
      text.focus();
    }
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Escape") clear();
  });

  // ---- start ----

  offerComparing(() => visible);
  Object.assign(minimum, { min: from, max: to, step: 0.1 });
  drawHistogram();
  new IntersectionObserver(
    ([entry]) => document.querySelector(".controls").classList.toggle("stuck", !entry.isIntersecting),
  ).observe(document.querySelector(".masthead"));
  show();
})();

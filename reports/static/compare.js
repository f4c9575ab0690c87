"use strict";
// Choice of losses, of a reference, of images and of what is drawn on them; the choice is in the
// address. Without scripts, five losses and the first reference are shown, and two losses in images.
(() => {
  const find = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const source = find("compare-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const MOST = 5;
  const name = (at) => data.losses[at].name;
  const place = (key) => data.losses.findIndex((loss) => loss.key === key);
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const begin = { ref: 0, losses: data.drawn.slice(0, MOST), left: data.drawn[0], right: data.drawn[1] };
  // The figures of each loss, one for each image: two losses are on the page, the others in templates.
  const figures = new Map(all("template[data-loss]").map((one) => [Number(one.dataset.loss), [...one.content.children]]));
  ["left", "right"].forEach((side) => {
    const own = all(`article.image figure[data-side="${side}"]`).map((one) => one.cloneNode(true));
    if (own.length) figures.set(begin[side], own);
  });
  const state = { ...begin, view: "", order: "", category: "", score: 0, hide: new Set() };

  // --- Losses and reference -------------------------------------------------------------------
  // As Python prints it: a tie goes to the even digit, and `toFixed` takes the one away from 0.
  const fixed = (value, digits) => {
    const tie = Math.abs(value * 2 ** (digits + 1)) % 2 === 1;
    return (tie ? (2 * Math.round((value * 10 ** digits) / 2)) / 10 ** digits : value).toFixed(digits);
  };
  const number = (value, digits = 1) => {
    const text = fixed(value, digits);
    const plain = Number(text) === 0 ? text.replace("-", "") : text;
    return (value > 0 && Number(text) !== 0 ? "+" : "") + plain.replace("-", "−");
  };
  const end = (value) => {
    let digits = 1;
    while (value && Number(fixed(value, digits)) === 0 && digits < 6) digits += 1;
    return number(value, digits);
  };
  // The names of the shown losses close up, and the space of the others above the plot is cut off.
  const legend = (svg) => {
    const head = svg.querySelector(".head");
    if (!head || !svg.querySelector(".key")) return;
    const [, , width, height] = (svg.dataset.full = svg.dataset.full || svg.getAttribute("viewBox")).split(" ").map(Number);
    const keys = all(".key", head).map((key) => {
      const text = key.querySelector("text");
      const [x, y] = ["x", "y"].map((one) => Number(text.getAttribute(one)));
      return { key, x: x - 29, y, size: text.getComputedTextLength() + 40 };
    });
    let [x, y] = [4, 32];
    keys.filter(({ key }) => !key.classList.contains("away")).forEach((one) => {
      if (x > 4 && x + one.size > width) [x, y] = [4, y + 17];
      one.key.setAttribute("transform", `translate(${x - one.x} ${y - one.y})`);
      x += one.size;
    });
    const saved = Math.max(0, Math.max(...keys.map((one) => one.y)) - y);
    head.setAttribute("transform", `translate(0 ${saved})`);
    svg.setAttribute("viewBox", `0 ${saved} ${width} ${height - saved}`);
  };
  const curves = () => {
    const wanted = new Set(state.losses.map(name));
    all("#curve-charts svg.plot").forEach((svg) => {
      if (svg.querySelectorAll(".area").length > 1) return; // small panels show every loss
      all(".series", svg).forEach((series) => {
        const off = !wanted.has(series.dataset.name);
        all(`[data-series="${series.dataset.series}"]`, svg).forEach((one) => one.classList.toggle("away", off));
      });
      legend(svg);
    });
  };
  // The command under each chart draws the chosen losses, the reference first.
  const commands = () => {
    const first = state.losses.filter((at) => at === state.ref);
    const shown = [...first, ...state.losses.filter((at) => at !== state.ref)];
    const losses = [...new Set(shown.map((at) => data.losses[at].loss))].join();
    all("[data-chosen]").forEach((one) => (one.textContent = losses));
  };
  const differences = () => {
    all("[data-reference]").forEach((one) => (one.textContent = name(state.ref)));
    const note = find("over-images");
    if (note) note.hidden = state.ref === 0;
    all("#against-table tbody tr").forEach((row, line) => {
      [...row.cells].slice(1).forEach((cell, column) => {
        const old = cell.querySelector(".interval");
        if (old) old.remove();
        const found = data.differences[state.ref][line][column];
        const own = line === state.ref && column === 0 ? ["reference", false] : found;
        if (own) cell.append(make("span", { className: "interval" }, own[1] ? make("strong", {}, own[0]) : own[0]));
      });
    });
  };
  const pair = (a, b) => {
    const forward = data.classes.pairs[`${a},${b}`];
    const back = data.classes.pairs[`${b},${a}`];
    const turn = (value) => (value === null ? null : -value);
    return forward || (back && back.map(([value, low, high]) => [turn(value), turn(high), turn(low)]));
  };
  const classes = () => {
    const table = find("class-table");
    if (!table) return;
    const usual = state.ref === begin.ref && state.losses.join() === begin.losses.join();
    if (find("class-chart")) find("class-chart").hidden = !usual;
    const note = find("class-note");
    if (note) {
      note.hidden = usual;
      const drawn = begin.losses.filter((at) => at !== begin.ref).map(name).join(", ");
      note.textContent =
        `There is a chart only for the reference ${name(begin.ref)} with ${drawn}. ` +
        `The table below has the chosen losses, with the reference ${name(state.ref)}.`;
    }
    const shown = state.losses.filter((at) => at !== state.ref && pair(state.ref, at));
    const cells = shown.map((at) => pair(state.ref, at));
    const order = data.classes.names.map((_, k) => k);
    const key = (k) => (cells[0] === undefined || cells[0][k][0] === null ? Infinity : -cells[0][k][0]);
    order.sort((a, b) => key(a) - key(b) || a - b);
    const reach = Math.max(0.1, ...cells.flat(2).map((value) => Math.abs(value || 0)));
    const percent = (value) => `${(50 + (50 * value) / reach).toFixed(1)}%`;
    const head = make("tr", {}, make("th", { scope: "col" }, "class"));
    shown.forEach((at) => head.append(make("th", { scope: "col", className: "number" }, name(at))));
    table.tHead.replaceChildren(head);
    table.tBodies[0].replaceChildren(
      ...order.map((k) => {
        const row = make("tr", {}, make("th", { scope: "row" }, data.classes.names[k]));
        cells.forEach((one, place) => {
          const [value, low, high] = one[k];
          const cell = make("td", { className: "number" });
          row.append(cell);
          if (value === null) return void cell.append(make("span", { className: "none" }, "–"));
          const mark = make("span", { className: "span" }, make("i", {}));
          mark.setAttribute("aria-hidden", "true");
          mark.style.setProperty("--mark", data.losses[shown[place]].colour);
          mark.style.setProperty("--at", percent(value));
          if (low !== null) {
            mark.style.setProperty("--low", percent(low));
            mark.style.setProperty("--high", percent(high));
          }
          const between = low === null ? "" : ` [${end(low)} to ${end(high)}]`;
          cell.append(number(value), make("span", { className: "interval" }, between), mark);
        });
        return row;
      }),
    );
  };

  // --- Images ---------------------------------------------------------------------------------
  const articles = all("article.image");
  const filter = (figure) => {
    const off = (element, hidden) => element.classList.toggle("off", hidden);
    all("svg.sample > g[data-number]", figure).forEach((group) => {
      const missed = group.classList.contains("missed");
      const kind = ["hit", "false-alarm", "duplicate"].find((one) => group.classList.contains(one));
      const other = state.category && group.dataset.category !== state.category;
      const low = Number(group.dataset.score || 1) < state.score;
      const hidden = Boolean(other || low || state.hide.has(missed ? "missed" : kind));
      off(group, hidden);
      all(`text[data-number="${group.dataset.number}"], tr[data-number="${group.dataset.number}"]`, figure).forEach(
        (one) => off(one, hidden),
      );
    });
    count(figure);
  };
  // What is left of all boxes: in the line below an image, in its description, and in total.
  const NAMES = { detection: "detections", truth: "objects" };
  const left = (kind, root) => {
    const boxes = all(`svg.sample > g.${kind}`, root);
    return [boxes.filter((one) => !one.classList.contains("off")).length, boxes.length];
  };
  const words = ([shown, every]) => (shown === every ? String(every) : `${shown} of ${every}`);
  const count = (figure) => {
    const svg = figure.querySelector("svg.sample");
    const label = (svg.dataset.label = svg.dataset.label || svg.getAttribute("aria-label"));
    const found = Object.keys(NAMES).map((kind) => [kind, left(kind, figure)]);
    found.forEach(([kind, one]) => all(`[data-count="${kind}"]`, figure).forEach((e) => (e.textContent = words(one))));
    const fewer = found.filter(([, [shown, every]]) => shown < every).map(([kind, one]) => `${words(one)} ${NAMES[kind]}`);
    svg.setAttribute("aria-label", fewer.length ? `${label} With the filters: ${fewer.join(", ")}.` : label);
  };
  // Both sides have the same objects: an object is drawn if one side draws it.
  const objects = () => {
    const numbers = (article, which) => new Set(all(`g.truth${which}`, article).map((one) => one.dataset.number)).size;
    return [":not(.off)", ""].map((which) => articles.reduce((sum, one) => sum + numbers(one, which), 0));
  };
  const total = () => {
    const found = [["detections of both losses", left("detection", find("pictures"))], ["objects", objects()]];
    const fewer = found.some(([, [shown, every]]) => shown < every);
    find("boxes").textContent = fewer ? `drawn: ${found.map(([kind, one]) => `${words(one)} ${kind}`).join(", ")}` : "";
  };
  const light = (figure, key) => {
    all(".lit", figure).forEach((one) => one.classList.remove("lit"));
    figure.querySelector("svg.sample").classList.toggle("dim", key !== null);
    if (key !== null) all(`[data-number="${key}"]`, figure).forEach((one) => one.classList.add("lit"));
  };
  const listen = (figure) => {
    const over = (event) => {
      const one = event.target.closest("[data-number]");
      light(figure, one ? one.dataset.number : null);
    };
    figure.addEventListener("pointerover", over);
    figure.addEventListener("focusin", over);
    ["pointerleave", "focusout"].forEach((kind) => figure.addEventListener(kind, () => light(figure, null)));
    all("tr[data-number]", figure).forEach((row) => (row.tabIndex = 0));
  };
  const slider = (article) => {
    const range = make("input", { type: "range", min: 0, max: 100, value: 50, className: "divider" });
    const move = () => article.style.setProperty("--at", `${range.value}%`);
    range.addEventListener("input", move);
    const drag = (event) => {
      if (state.view !== "slider" || !event.target.closest("svg.sample") || !(event.buttons & 1)) return;
      const box = article.querySelector("svg.sample").getBoundingClientRect();
      range.value = Math.round((100 * (event.clientX - box.left)) / box.width);
      move();
    };
    article.addEventListener("pointerdown", drag);
    article.addEventListener("pointermove", drag);
    article.querySelector(".pair").append(range, make("span", { className: "edge" }));
    move();
    return range;
  };
  const ranges = articles.map(slider);
  const images = () => {
    articles.forEach((article, at) => {
      const who = all(".who", article);
      ["left", "right"].forEach((side, k) => {
        const figure = figures.get(state[side])[at].cloneNode(true);
        figure.dataset.side = side;
        article.querySelector(`figure[data-side="${side}"]`).replaceWith(figure);
        who[k].textContent = name(state[side]);
        listen(figure);
      });
      ranges[at].setAttribute("aria-label", `Divider between ${name(state.left)}, left, and ${name(state.right)}, right`);
    });
    draw();
    sort();
  };
  const draw = () => {
    all("article.image figure").forEach(filter);
    if (articles.length) total();
  };
  const view = () => {
    articles.forEach((article) => article.classList.toggle("slide", state.view === "slider"));
    ranges.forEach((range) => (range.hidden = state.view !== "slider"));
  };
  const sort = () => {
    const [a, b] = [state.left, state.right].map((at) => data.drawn.indexOf(at));
    const by = {
      pair: (k) => -Math.abs(data.errors[k][a] - data.errors[k][b]),
      hardest: (k) => -Math.min(data.errors[k][a], data.errors[k][b]),
    }[state.order];
    const places = articles.map((_, k) => k);
    if (by) places.sort((x, y) => by(x) - by(y) || x - y);
    if (articles.length) find("pictures").append(...places.map((k) => articles[k]));
  };

  // --- Address --------------------------------------------------------------------------------
  const remember = () => {
    const query = new URLSearchParams();
    const put = (key, value, usual) => value !== usual && query.set(key, value);
    const keys = (places) => places.map((at) => data.losses[at].key).join();
    put("losses", keys(state.losses), keys(begin.losses));
    ["ref", "left", "right"].forEach((key) => put(key, data.losses[state[key]].key, data.losses[begin[key]].key));
    ["view", "order"].forEach((key) => put(key, state[key], ""));
    put("class", state.category, "");
    put("score", String(state.score), "0");
    put("hide", [...state.hide].join(), "");
    try {
      history.replaceState(null, "", (query.size ? `?${query}` : location.pathname) + location.hash);
    } catch {
      return; // some browsers refuse it for files; the page works without
    }
  };
  const has = (select, wanted) => Boolean(select && wanted) && [...select.options].some((one) => one.value === wanted);
  const recall = () => {
    const query = new URLSearchParams(location.search);
    const wanted = (query.get("losses") || "").split(",").map(place).filter((at) => data.drawn.includes(at));
    if (wanted.length) state.losses = [...new Set(wanted)].slice(0, MOST);
    const ref = place(query.get("ref"));
    state.ref = ref in data.differences ? ref : 0;
    ["left", "right"].forEach((side) => {
      const at = place(query.get(side));
      if (figures.has(at)) state[side] = at;
    });
    if (state.left === state.right) [state.left, state.right] = [begin.left, begin.right];
    state.view = query.get("view") === "slider" ? "slider" : "";
    if (has(find("order"), query.get("order"))) state.order = query.get("order");
    if (has(find("category"), query.get("class"))) state.category = query.get("class");
    state.score = Math.min(1, Math.max(0, Number(query.get("score")) || 0));
    const kinds = all("#kinds input").map((box) => box.value);
    state.hide = new Set((query.get("hide") || "").split(",").filter((kind) => kinds.includes(kind)));
  };
  const show = () => {
    all("#losses input").forEach((box) => (box.checked = state.losses.includes(Number(box.value))));
    find("reference").value = state.ref;
    if (!articles.length) return;
    find("left-run").value = state.left;
    find("right-run").value = state.right;
    find("slide").checked = state.view === "slider";
    find("order").value = state.order;
    find("category").value = state.category;
    find("score").value = state.score;
    find("score-value").textContent = state.score.toFixed(2).replace(/^0/, "");
    all("#kinds input").forEach((box) => (box.checked = !state.hide.has(box.value)));
  };
  const on = (id, event, change, ...steps) => {
    const field = find(id);
    if (!field) return;
    field.addEventListener(event, (happened) => {
      change(happened.target);
      steps.forEach((step) => step());
      remember();
      show();
    });
  };

  const choose = (box) => {
    const at = Number(box.value);
    if (!box.checked && state.losses.length > 1) state.losses = state.losses.filter((one) => one !== at);
    else if (box.checked) state.losses = [...state.losses, at].slice(-MOST); // the oldest gives way
  };
  on("losses", "change", choose, curves, classes, commands);
  on("reference", "change", (field) => (state.ref = Number(field.value)), differences, classes, commands);
  // A loss beside itself shows nothing: the loss of the other side moves over.
  const choose_side = (side, other) => (field) => {
    const before = state[side];
    state[side] = Number(field.value);
    if (state[other] === state[side]) state[other] = before;
  };
  [["left", "right"], ["right", "left"]].forEach(([side, other]) => on(`${side}-run`, "change", choose_side(side, other), images));
  on("slide", "change", (box) => (state.view = box.checked ? "slider" : ""), view);
  on("order", "change", (field) => (state.order = field.value), sort);
  on("category", "change", (field) => (state.category = field.value), draw);
  on("score", "input", (field) => (state.score = Number(field.value)), draw);
  on("kinds", "change", (box) => state.hide[box.checked ? "delete" : "add"](box.value), draw);
  all("#chooser, #image-tools").forEach((form) => {
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
  });
  all(".with-script").forEach((one) => (one.hidden = false));
  all(".without-script").forEach((one) => (one.hidden = true));
  document.body.classList.add("scripted");
  recall();
  curves();
  commands();
  if (state.ref !== begin.ref) differences();
  classes();
  view();
  if (articles.length) images();
  show();
})();

"use strict";
// Sorting, filtering and choosing columns; the state is in the address, so a view can be sent.
// Without scripts, the whole table is shown.
(() => {
  const table = document.getElementById("leaderboard");
  const tools = document.getElementById("tools");
  if (!table || !tools) return;
  const find = (id) => document.getElementById(id);
  // A body has the row of a loss and, if it has several seeds, the rows of its single runs.
  const bodies = Array.from(table.tBodies);
  const heads = Array.from(table.tHead.rows[0].cells);
  const keys = heads.map((head) => head.dataset.key);
  const names = heads.map((head) => head.textContent.trim());
  const text = new Map(bodies.map((body) => [body, `${body.textContent} ${body.dataset.names || ""}`.toLowerCase()]));
  const state = { q: "", sort: "", order: "", hide: new Set(), only: {} };

  const value = (body, column) => {
    const cell = body.rows[0].cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
  };
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // What an order puts first, in words: `up` is ascending.
  const meaning = (column, way) => {
    const { better } = heads[column].dataset;
    if (better) return (better === "higher") === (way === "down") ? "best first" : "worst first";
    if (heads[column].classList.contains("number")) return way === "up" ? "smallest first" : "largest first";
    return way === "up" ? "A to Z" : "Z to A";
  };
  const firstOrder = (column) => (heads[column].dataset.better === "higher" ? "down" : "up");
  const sort = () => {
    const column = keys.indexOf(state.sort);
    heads.forEach((head) => {
      head.removeAttribute("aria-sort");
      delete head.querySelector("button").dataset.sorted;
    });
    if (column < 0) return void table.append(...bodies);
    const numeric = heads[column].classList.contains("number");
    const direction = state.order === "up" ? 1 : -1;
    heads[column].setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
    heads[column].querySelector("button").dataset.sorted = meaning(column, state.order);
    // Rows with equal values stay as planned, so that an address always shows one order.
    const sorted = bodies.slice().sort((a, b) => {
      const x = value(a, column);
      const y = value(b, column);
      if (x === "" || y === "") return (x === "") - (y === ""); // missing values come last
      const by = numeric ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true });
      return direction * by;
    });
    table.append(...sorted);
  };
  const filter = () => {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const only = Object.entries(state.only).map(([key, wanted]) => [keys.indexOf(key), wanted]);
    let left = 0;
    bodies.forEach((body) => {
      const fits = only.every(([column, wanted]) => value(body, column) === wanted);
      body.hidden = !fits || !words.every((word) => text.get(body).includes(word));
      left += body.hidden ? 0 : 1;
    });
    find("shown").textContent = left ? `${left} of ${bodies.length} shown` : "Nothing matches";
  };
  const hiding = document.head.appendChild(document.createElement("style"));
  const hide = () => {
    const places = keys.flatMap((key, at) => (state.hide.has(key) ? [at + 1] : []));
    const rules = places.map((at) => `#leaderboard tr > :nth-child(${at})`);
    hiding.textContent = rules.length ? `${rules.join()} { display: none !important; }` : "";
  };

  const remember = () => {
    const query = new URLSearchParams();
    if (state.q) query.set("q", state.q);
    if (state.sort) query.set("sort", `${state.order === "up" ? "" : "-"}${state.sort}`);
    if (state.hide.size) query.set("hide", [...state.hide].join());
    Object.entries(state.only).forEach(([key, wanted]) => query.set(key, wanted));
    const search = query.size ? `?${query}` : location.pathname;
    try {
      history.replaceState(null, "", search + location.hash);
    } catch {
      return; // some browsers refuse it for files; the table works without
    }
  };
  const recall = () => {
    const query = new URLSearchParams(location.search);
    const sorted = query.get("sort") || "";
    state.q = query.get("q") || "";
    state.order = sorted.startsWith("-") ? "down" : "up";
    state.sort = sorted.replace(/^-/, "");
    state.hide = new Set((query.get("hide") || "").split(",").filter((key) => keys.includes(key)));
    selects.forEach(({ key, select }) => {
      const wanted = query.get(key);
      if (Array.from(select.options).some((o) => o.value && o.value === wanted)) {
        state.only[key] = wanted;
      }
    });
  };
  const show = () => {
    find("filter").value = state.q;
    find("sort").value = keys.includes(state.sort) ? `${state.sort} ${state.order}` : "";
    selects.forEach(({ key, select }) => (select.value = state.only[key] || ""));
    boxes.forEach((box) => (box.checked = !state.hide.has(box.value)));
  };
  const change = (...steps) => {
    steps.forEach((step) => step());
    remember();
    show();
  };

  heads.forEach((head, column) => {
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const again = state.sort === keys[column];
      state.order = again ? (state.order === "up" ? "down" : "up") : firstOrder(column);
      state.sort = keys[column];
      change(sort);
    });
  });
  const order = find("sort");
  order.append(make("option", { value: "" }, "as planned"));
  keys.forEach((key, column) => {
    const first = firstOrder(column);
    [first, first === "up" ? "down" : "up"].forEach((way) => {
      order.append(make("option", { value: `${key} ${way}` }, `${names[column]}, ${meaning(column, way)}`));
    });
  });
  order.addEventListener("change", () => {
    [state.sort, state.order] = order.value ? order.value.split(" ") : ["", ""];
    change(sort);
  });
  find("filter").addEventListener("input", (event) => {
    state.q = event.target.value;
    change(filter);
  });
  const selects = ["dataset", "split", "detector", "status"].flatMap((key) => {
    const column = keys.indexOf(key);
    const found = column < 0 ? [] : [...new Set(bodies.map((body) => value(body, column)))];
    if (found.length < 2) return [];
    const select = make("select", {}, make("option", { value: "" }, "all"));
    select.append(...found.map((one) => make("option", { value: one }, one)));
    select.addEventListener("change", () => {
      if (select.value) state.only[key] = select.value;
      else delete state.only[key];
      change(filter);
    });
    find("facets").append(make("label", {}, `${key} `, select));
    return [{ key, select }];
  });
  const boxes = keys.slice(1).map((key, at) => {
    const box = make("input", { type: "checkbox", value: key, checked: true });
    box.addEventListener("change", () => {
      if (box.checked) state.hide.delete(key);
      else state.hide.add(key);
      change(hide);
    });
    find("columns").append(make("label", {}, box, ` ${names[at + 1]}`));
    return box;
  });
  find("all-columns").addEventListener("click", () => {
    state.hide.clear();
    change(hide);
  });

  tools.hidden = false;
  recall();
  sort();
  filter();
  hide();
  show();
})();

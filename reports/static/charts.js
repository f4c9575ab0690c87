"use strict";
// Charts: values under the pointer, series to switch off in the legend, zoom. Without scripts, the
// whole chart is shown. Values are read from the drawn curves, so chart and reading cannot differ.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const STEP = 0.02; // of the width, for an arrow key
  const HELP = "arrow keys, Home and End: values; + and −: zoom; 0: whole chart; 1 to 9: switch a series";

  const numbers = (text) => text.trim().split(/[\s,]+/).map(Number);
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const minus = (text) => String(text).replace("-", "−");

  // An axis between two ends in the units of its data; `share` is 0 at the low end, 1 at the high.
  const axis = (text) => {
    const [low, high] = numbers(text);
    const log = text.endsWith("log");
    const [a, b] = log ? [Math.log(low), Math.log(high)] : [low, high];
    return {
      log,
      value: (share) => (log ? Math.exp(a + share * (b - a)) : a + share * (b - a)),
      share: (value) => ((log ? Math.log(value) : value) - a) / (b - a),
    };
  };
  const show = (value, span) => {
    if (Math.abs(value) < span / 1e4) return "0";
    const digits = clamp(3 - Math.ceil(Math.log10(span)), 0, 6);
    return minus(Math.abs(value) >= 1e5 ? value.toExponential(2) : value.toFixed(digits));
  };
  const rate = (value) => (value < 1 ? `1/${Number((1 / value).toPrecision(3))}` : Number(value.toPrecision(3)));
  const ticks = (low, high) => {
    const rough = (high - low) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((s) => s * power).find((s) => s >= rough * 0.999);
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high * (1 + 1e-12); k += 1) found.push(Number((k * step).toPrecision(12)));
    return found;
  };

  const points = (path) => {
    const found = [];
    for (const part of path.getAttribute("d").matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)) {
      found.push([Number(part[1]), Number(part[2])]);
    }
    return found;
  };
  const at = (curve, x) => {
    if (!curve.length || x < curve[0][0] - 0.06 || x > curve[curve.length - 1][0] + 0.06) return null;
    const next = curve.findIndex((point) => point[0] >= x);
    if (next < 1) return curve[next < 0 ? curve.length - 1 : 0][1];
    const [a, b] = [curve[next - 1], curve[next]];
    return a[1] + ((x - a[0]) / (b[0] - a[0] || 1)) * (b[1] - a[1]);
  };

  const plotted = (svg, area, note) => {
    const full = numbers(area.getAttribute("viewBox"));
    const [left, top, width, height] = full;
    const [across, up] = [axis(area.dataset.x), axis(area.dataset.y)];
    const quantity = area.dataset.name.replace(/ \(.*\)$/, "");
    const rated = area.dataset.rate !== undefined;
    const groups = [...area.querySelectorAll(".series")];
    let seen = full.slice();
    let middle = 0.5; // of the seen part
    let fresh = null;
    const mark = document.createElementNS(SVG, "path");
    mark.setAttribute("class", "cursor");

    const line = (group) =>
      [...group.querySelectorAll('path[fill="none"]')].find((p) => p.getAttribute("d").includes("L"));
    const shade = (group) => group.querySelector("path[stroke]").getAttribute("stroke");
    const dots = (group) => [...group.querySelectorAll("path")].filter((p) => !/[LZ]/.test(p.getAttribute("d")));
    const value = (y) => {
      const found = up.value((top + height - y) / height);
      if (rated) return rate(found);
      const ends = [up.value((top + height - seen[1] - seen[3]) / height), up.value((top + height - seen[1]) / height)];
      return up.log ? minus(Number(found.toPrecision(3))) : show(found, ends[1] - ends[0]);
    };
    const span = () => across.value((seen[0] + seen[2] - left) / width) - across.value((seen[0] - left) / width);
    const at_x = (x) => show(across.value((x - left) / width), span());
    // Where a curve has dots it has values only there: between them the line joins what was measured.
    const measured = (group) => (line(group) ? dots(group).flatMap(points) : []);
    const same = (a, b) => Math.abs(a - b) < 0.06;
    const shown = (group) => !group.matches(".off, .away");
    const stops = () => {
      const found = groups.filter(shown).flatMap(measured).map((point) => point[0]).sort((a, b) => a - b);
      const inside = (x) => x > seen[0] - 0.06 && x < seen[0] + seen[2] + 0.06;
      return found.filter((x, k) => inside(x) && (k === 0 || !same(x, found[k - 1])));
    };
    const read = (share) => {
      middle = clamp(share, 0, 1);
      let x = seen[0] + middle * seen[2];
      const near = stops().sort((a, b) => Math.abs(a - x) - Math.abs(b - x));
      if (near.length) {
        [x] = near;
        middle = clamp((x - seen[0]) / seen[2], 0, 1);
      }
      const lines = []; // texts with the colour of their series
      const say = (group, text) => lines.push([`${group.dataset.name}: ${text}`, shade(group)]);
      groups.filter(shown).forEach((group) => {
        const curve = line(group);
        const own = measured(group);
        const exact = own.find((point) => same(point[0], x));
        let y = curve ? at(points(curve), x) : null;
        let where = "";
        if (own.length) {
          y = exact ? exact[1] : null;
          if (!exact) say(group, "no value");
        }
        if (!curve) {
          const near = dots(group).flatMap(points).sort((a, b) => Math.abs(a[0] - x) - Math.abs(b[0] - x))[0];
          if (near && Math.abs(near[0] - x) < 0.04 * seen[2]) [y, where] = [near[1], ` at ${at_x(near[0])}`];
        }
        if (y !== null) say(group, `${value(y)}${where}`);
      });
      mark.setAttribute("d", `M${x} ${top}V${top + height}`);
      area.append(mark);
      note.show(`${quantity} ${at_x(x)}`, lines, area, (x - seen[0]) / seen[2]);
    };
    const step = (way) => {
      const every = stops();
      const x = seen[0] + middle * seen[2];
      const next = way > 0 ? every.find((stop) => stop > x + 0.06) : every.reverse().find((stop) => stop < x - 0.06);
      if (!every.length) read(middle + way * STEP);
      else read(next === undefined ? middle : (next - seen[0]) / seen[2]);
    };
    const leave = () => {
      mark.remove();
      note.hide();
    };
    const draw = () => {
      const whole = seen.every((part, k) => Math.abs(part - full[k]) < 1e-6);
      area.setAttribute("viewBox", seen.join(" "));
      area.setAttribute("overflow", whole ? "visible" : "hidden");
      area.classList.toggle("zoomed", !whole);
      svg.querySelectorAll(".ticks:not(.fresh)").forEach((one) => one.classList.toggle("off", !whole));
      if (fresh) fresh.remove();
      fresh = null;
      if (whole) return;
      fresh = document.createElementNS(SVG, "g");
      fresh.setAttribute("class", "ticks fresh");
      const put = (name, properties, text) => {
        const one = document.createElementNS(SVG, name);
        Object.entries(properties).forEach(([key, wanted]) => one.setAttribute(key, wanted));
        one.textContent = text || "";
        fresh.append(one);
      };
      const part = (a, from, size) => [from, from + size].map(a.value);
      const some = (a, ends) => {
        if (!a.log || ends[1] / ends[0] < 30) return ticks(...ends);
        const first = Math.ceil(Math.log10(ends[0]));
        return Array.from({ length: Math.floor(Math.log10(ends[1])) - first + 1 }, (_, k) => 10 ** (first + k));
      };
      some(across, part(across, (seen[0] - left) / width, seen[2] / width)).forEach((tick) => {
        const x = left + ((left + across.share(tick) * width - seen[0]) / seen[2]) * width;
        put("path", { d: `M${x} ${top + height}v4`, stroke: "currentColor" });
        put("text", { x, y: top + height + 17, "text-anchor": "middle" }, minus(tick));
      });
      some(up, part(up, (top + height - seen[1] - seen[3]) / height, seen[3] / height)).forEach((tick) => {
        const y = top + ((top + height - up.share(tick) * height - seen[1]) / seen[3]) * height;
        put("path", { d: `M${left} ${y}H${left + width}`, stroke: "currentColor", "stroke-opacity": ".16" });
        put("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, rated ? rate(tick) : minus(tick));
      });
      svg.insertBefore(fresh, area);
    };
    const zoom = (x, y, wide, high) => {
      const size = [clamp(wide, width / 50, width), clamp(high, height / 50, height)];
      seen = [clamp(x, left, left + width - size[0]), clamp(y, top, top + height - size[1]), ...size];
      draw();
    };
    const closer = (factor) => {
      const x = seen[0] + middle * seen[2];
      const group = groups.find((one) => !one.matches(".off, .away") && line(one));
      const found = group && at(points(line(group)), x);
      const y = found === null || found === undefined ? seen[1] + seen[3] / 2 : found;
      zoom(x - (seen[2] * factor) / 2, y - (seen[3] * factor) / 2, seen[2] * factor, seen[3] * factor);
    };
    const reset = () => zoom(...full);
    return { area, read, step, leave, closer, zoom, reset, seen: () => seen, middle: () => middle };
  };

  const tooltip = (figure) => {
    const box = document.createElement("div");
    box.className = "readout";
    box.setAttribute("aria-live", "polite");
    figure.append(box);
    return {
      // Below the plot, where it covers no curve; above it if the window ends there.
      show(head, lines, area, share) {
        const made = lines.map(([text, colour]) => {
          const line = Object.assign(document.createElement("span"), { textContent: text });
          line.style.setProperty("--series", colour);
          return line;
        });
        box.replaceChildren(Object.assign(document.createElement("b"), { textContent: head }), ...made);
        box.classList.add("shown");
        const [inner, outer] = [area.getBoundingClientRect(), figure.getBoundingClientRect()];
        const x = inner.left - outer.left + share * inner.width;
        box.style.left = `${clamp(share > 0.5 ? x - box.offsetWidth - 12 : x + 12, 0, Math.max(0, outer.width - box.offsetWidth))}px`;
        const above = inner.bottom + 6 + box.offsetHeight > innerHeight && inner.top - 6 - box.offsetHeight >= 0;
        box.style.top = `${(above ? inner.top - 6 - box.offsetHeight : inner.bottom + 6) - outer.top}px`;
      },
      hide: () => box.classList.remove("shown"),
    };
  };

  const toggle = (svg, place) => {
    const all = svg.querySelectorAll(`[data-series="${place}"]`);
    all.forEach((one) => one.classList.toggle("off"));
  };

  const prepare = (svg) => {
    const areas = [...svg.querySelectorAll(".area")];
    svg.querySelectorAll(".key").forEach((key) => key.addEventListener("click", () => toggle(svg, key.dataset.series)));
    if (!areas.length) return;
    const figure = svg.parentElement;
    const note = tooltip(figure);
    const plots = areas.map((area) => plotted(svg, area, note));
    const one = plots.length === 1 ? plots[0] : null; // several small panels have no zoom
    let current = plots[0];
    let from = null;
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("aria-description", HELP);

    const where = (event, plot) => {
      const box = plot.area.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    const below = (event) => plots.find((plot) => where(event, plot).every((share) => share >= 0 && share <= 1));
    const chosen = document.createElement("div");
    chosen.className = "selection";
    svg.addEventListener("pointermove", (event) => {
      if (from) {
        const outer = figure.getBoundingClientRect();
        const xs = [from.clientX, event.clientX].sort((a, b) => a - b);
        const ys = [from.clientY, event.clientY].sort((a, b) => a - b);
        Object.assign(chosen.style, {
          left: `${xs[0] - outer.left}px`, top: `${ys[0] - outer.top}px`,
          width: `${xs[1] - xs[0]}px`, height: `${ys[1] - ys[0]}px`,
        });
        figure.append(chosen);
        return;
      }
      const plot = below(event);
      if (plot !== current) current.leave();
      if (!plot) return;
      current = plot;
      plot.read(where(event, plot)[0]);
    });
    svg.addEventListener("pointerleave", () => current.leave());
    svg.addEventListener("pointerdown", (event) => {
      const plot = below(event);
      if (!plot) return;
      if (one && event.button === 0 && event.pointerType === "mouse") from = event;
      if (event.pointerType !== "mouse") {
        current = plot;
        plot.read(where(event, plot)[0]); // a finger does not hover
      }
    });
    window.addEventListener("pointerup", (event) => {
      if (!from) return;
      const [a, b] = [where(from, one), where(event, one)].map((pair) => pair.map((share) => clamp(share, 0, 1)));
      from = null;
      chosen.remove();
      const size = [0, 1].map((k) => Math.abs(a[k] - b[k]));
      if (size[0] < 0.03 || size[1] < 0.03) return;
      const [x, y, wide, high] = one.seen();
      one.zoom(x + Math.min(a[0], b[0]) * wide, y + Math.min(a[1], b[1]) * high, size[0] * wide, size[1] * high);
    });
    svg.addEventListener("dblclick", () => one && one.reset());
    svg.addEventListener("focus", () => svg.matches(":focus-visible") && current.read(current.middle()));
    svg.addEventListener("blur", () => current.leave());
    svg.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const end = { Home: 0, End: 1 }[event.key];
      if (way) current.step(way);
      else if (end !== undefined) current.read(end);
      else if ((event.key === "ArrowUp" || event.key === "ArrowDown") && !one) {
        const next = plots.indexOf(current) + (event.key === "ArrowUp" ? -1 : 1);
        current.leave();
        current = plots[clamp(next, 0, plots.length - 1)];
        current.read(current.middle());
      } else if ("+=".includes(event.key) && one) one.closer(0.5);
      else if (event.key === "-" && one) one.closer(2);
      else if (event.key === "0" && one) one.reset();
      else if (event.key === "Escape") current.leave();
      else if (/^[1-9]$/.test(event.key)) {
        const places = [...new Set([...svg.querySelectorAll(".series:not(.away)")].map((s) => s.dataset.series))];
        if (places[event.key - 1] !== undefined) toggle(svg, places[event.key - 1]);
      } else return;
      event.preventDefault();
    });
    if (!one) return;
    const tools = document.createElement("div");
    tools.className = "zoom";
    [["+", "Zoom in", () => one.closer(0.5)], ["−", "Zoom out", () => one.closer(2)], ["↺", "Whole chart", one.reset]].forEach(
      ([text, title, act]) => {
        // The chart itself is the stop of the keyboard; the buttons are for pointers and touch.
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: text, title, tabIndex: -1 });
        button.setAttribute("aria-label", title);
        button.addEventListener("click", act);
        tools.append(button);
      },
    );
    figure.append(tools);
  };

  document.querySelectorAll("figure.chart > svg.plot").forEach(prepare);
})();

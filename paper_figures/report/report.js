"use strict";
/* The interactive plot. Everything is a step function: a value holds until the next corner, and no
   value is read before it was found. */
(() => {
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const plot = $("plot");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const coarse = window.matchMedia("(pointer: coarse)");
  const CONFIG = {
    responsive: true,
    displaylogo: false,
    // named one by one: plotly's own choice has a button that uploads the chart
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]],
    showSendToCloud: false,
    plotlyServerURL: "",
  };
  const FEW_SEEDS = 10; // below it the band is a range, and every run is shown, as on paper
  const state = { task: DATA.tasks[0], rule: null, axis: null, off: new Set(), at: null };

  // --- step functions ---------------------------------------------------------------------------

  /** Index of the last x at or before `at`; -1 before the first. Of equal x the last counts. */
  function last(x, at) {
    let low = 0, high = x.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (x[middle] <= at) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  /** One run under the rule and along the axis in force: corners, and the report behind each. */
  function steps(run) {
    const found = run.rules[state.rule];
    const values = state.rule === "validated" ? run.true : run.loss;
    const x = found.map((i) => run.at[state.axis][i]);
    return { run, found, x, y: found.map((i) => values[i]), end: run.end[state.axis] };
  }

  /** What is drawn of each method that is on. */
  function shown() {
    return Object.entries(state.task.methods)
      .filter(([name]) => !state.off.has(name))
      .map(([name, own]) => ({
        name, own, look: DATA.methods[name], curve: own.curves[state.rule][state.axis],
        runs: own.runs.map(steps),
      }));
  }

  // --- drawing ----------------------------------------------------------------------------------

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (look) => (dark.matches ? look.dark : look.light);
  const regret = () => state.rule === "validated" && state.task.regret;
  const higher = () => state.task.higher && !regret(); // a score, shown with its own sign
  const better = () => (higher() ? "Higher is better" : "Lower is better");
  const yName = () => (regret() ? "regret" : state.task.metric + (higher() ? " (higher is better)" : ""));

  function xName() {
    const workers = DATA.workers > 1 ? `, ${DATA.workers} workers` : "";
    return DATA.axes[state.axis] + workers;
  }

  function translucent(hex, alpha) {
    const part = (i) => parseInt(hex.slice(i, i + 2), 16);
    return `rgba(${part(1)},${part(3)},${part(5)},${alpha})`;
  }

  /** Where the x axis begins and ends: before one full evaluation nothing can be finished. */
  function span(lines) {
    const ends = lines.flatMap((l) => l.runs.map((r) => r.end));
    const starts = lines.flatMap((l) => l.curve.x.slice(0, 1).concat(
      $("runs").checked || !l.curve.x.length ? l.runs.flatMap((r) => r.x.slice(0, 1)) : []
    )).filter((x) => x > 0);
    const end = Math.max(...ends, 0) || 2;
    const start = state.axis === "full_evals" && end > 1 ? 1 : Math.min(...starts, end / 2);
    return [start, end];
  }

  /** Of many methods only some keep their band, as on paper; any has it under the pointer. */
  const EMPHASISED = ["bohb", "random"], MOST_BANDS = 5;
  function banded(lines) {
    const some = lines.filter((line) => EMPHASISED.includes(line.name));
    return new Set(lines.length > MOST_BANDS && some.length ? some : lines);
  }

  /** All values that are seen from `start` on. */
  function values(lines, start) {
    const seen = [];
    const take = (x, y) => { for (let i = Math.max(last(x, start), 0); i < y.length; i++) seen.push(y[i]); };
    const bands = banded(lines);
    for (const line of lines) {
      const parts = bands.has(line) ? ["low", "centre", "high"] : ["centre"];
      for (const part of parts) take(line.curve.x, line.curve[part]);
      if ($("runs").checked || !line.curve.x.length) line.runs.forEach((r) => take(r.x, r.y));
    }
    return seen;
  }

  function traces(lines, clip) {
    const under = [], above = [];
    const bands = banded(lines);
    for (const line of lines) {
      const { name, own, look, curve, runs } = line;
      const c = colour(look);
      const base = { x: curve.x, mode: "lines", hoverinfo: "skip", name: look.label };
      const edge = { ...base, line: { shape: "hv", width: 0, color: c } };
      const alpha = own.kind === "95 % interval" ? 0.13 : 0.07;
      if (bands.has(line)) {
        under.push({ ...edge, y: curve.low.map(clip), meta: `low/${name}` });
        under.push({
          ...edge, y: curve.high.map(clip), meta: `high/${name}`,
          fill: "tonexty", fillcolor: translucent(c, alpha),
        });
      }
      if ($("runs").checked || !curve.x.length) {
        const x = [], y = [];
        for (const r of runs) {
          if (!r.x.length) continue;
          x.push(...r.x, r.end, null);
          y.push(...r.y.map(clip), clip(r.y[r.y.length - 1]), null);
        }
        above.push({
          ...base, x, y, meta: `runs/${name}`, connectgaps: false,
          line: { shape: "hv", width: 1, color: translucent(c, 0.5) },
        });
      }
      above.push({
        ...base, y: curve.centre.map(clip), meta: `centre/${name}`,
        line: { shape: "hv", width: look.width, color: c, dash: look.dash },
      });
    }
    // BOHB on top: the legend's first is drawn last
    return [...under, ...above.reverse()];
  }

  /** Ticks on a logarithmic axis: 1, 2, 5 where there is room, plain numbers where it is short. */
  function ticks(range) {
    const [low, high] = range.map((r) => 10 ** r);
    const decades = range[1] - range[0];
    let at = [];
    const most = plot.clientWidth < 600 ? 5 : 9;
    for (const digits of [[1, 2, 3, 5, 7], [1, 2, 5], [1]]) {
      at = [];
      for (let e = Math.floor(range[0]); e <= Math.ceil(range[1]); e++)
        for (const d of digits) at.push(Number(`${d}e${e}`));
      at = at.filter((v) => v >= low * 0.9999 && v <= high * 1.0001);
      if (at.length <= most) break;
    }
    if (decades > most) at = at.filter((_, i) => i % Math.ceil(decades / most) === 0);
    if (at.length < 3) { // zoomed in between two of them
      const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((d) => d * power).find((s) => s >= rough);
      at = [];
      for (let i = Math.ceil(low / step); i * step <= high; i++) at.push(Number((i * step).toPrecision(12)));
    }
    return { tickmode: "array", tickvals: at, ticktext: at.map(plain) };
  }

  function plain(value) {
    for (const [size, letter] of [[1e9, " G"], [1e6, " M"], [1e4, " k"]])
      if (value >= size) return Number((value / size * (size === 1e4 ? 10 : 1)).toPrecision(4)) + letter;
    if (value < 1e-4) return value.toExponential().replace("-", "\u2212");
    return String(Number(value.toPrecision(4)));
  }

  function draw() {
    const lines = shown();
    const x = span(lines);
    const seen = values(lines, x[0]);
    const positive = seen.filter((v) => v > 0);
    const low = Math.min(...(positive.length ? positive : [1])), top = Math.max(...seen);
    const log = seen.length > 0 && positive.length > 0 &&
      (regret() || (!higher() && positive.length === seen.length && top / low >= 4));
    // what a logarithmic axis cannot show leaves it through its lower edge
    const clip = log ? (v) => (v > 0 ? v : low * 1e-6) : (v) => v;
    let y = [0, 1];
    if (log) {
      const room = Math.max(Math.log10(top / low), 0.05) * 0.05;
      y = [Math.log10(low) - room, Math.log10(top) + room];
    } else if (seen.length) {
      const least = Math.min(...seen), room = ((top - least) || 1) * 0.05;
      y = [least - room, top + room];
    }
    const range = x.map(Math.log10);
    const room = state.axis === "full_evals" ? 0 : (range[1] - range[0]) * 0.02;
    range[1] += room;
    const axis = {
      gridcolor: css("--grid"), linecolor: css("--line"), zeroline: false, showline: true,
      ticks: "outside", tickcolor: css("--line"), tickfont: { size: 13 }, automargin: true,
    };
    const narrow = plot.clientWidth < 600;
    const title = (text) => ({ text, font: { size: 14 }, standoff: narrow ? 8 : 12 });
    const layout = {
      uirevision: [state.task.name, state.rule, state.axis, [...state.off].sort()].join("/"),
      xaxis: { ...axis, type: "log", range, title: title(xName()), ...ticks(range) },
      yaxis: { ...axis, type: log ? "log" : "linear", range: y, title: title(yName()), ...(log ? ticks(y) : { tickmode: "auto", nticks: 8 }) },
      margin: { l: narrow ? 44 : 60, r: narrow ? 12 : 40, t: 12, b: 44 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: css("--ink") },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--muted"), activecolor: css("--accent"), orientation: "v" },
      showlegend: false, hovermode: false,
      dragmode: coarse.matches ? false : "zoom", // a finger scrolls the page
    };
    hide();
    legend(lines);
    return Plotly.react(plot, traces(lines, clip), layout, { ...CONFIG, displayModeBar: narrow ? false : "hover" });
  }

  /** Ticks of the logarithmic axes after a zoom. */
  function retick(change) {
    if (Object.keys(change).every((key) => !key.includes("range"))) return;
    hide();
    const update = {};
    for (const name of ["xaxis", "yaxis"]) {
      const axis = plot.layout[name];
      if (axis.type !== "log") continue;
      for (const [key, value] of Object.entries(ticks(axis.range))) update[`${name}.${key}`] = value;
    }
    Plotly.relayout(plot, update);
  }

  const unique = (list) => [...new Set(list)];

  function legend(lines) {
    const kinds = unique(lines.map(({ own }) =>
      own.n === 1 ? "the only run" : `${own.label} of ${own.n} seeds; band: ${own.kind}`));
    const bands = banded(lines);
    const whose = bands.size < lines.length
      ? ` (${[...bands].map(({ look }) => look.label).join(", ")}; point at a line for its own)` : "";
    const multiples = lines.filter(({ own }) => own.factor > 1).map(({ own, look }) =>
      ` ${look.label}: baseline with ${own.factor === 2 ? "twice" : `${own.factor} times`} the budget; its axis is divided by ${own.factor}.`);
    const missing = DATA.missing.length ? ` Missing cells: ${DATA.missing.join(", ")}.` : "";
    const modelled = state.axis === "virtual_seconds"
      ? " Virtual seconds follow from the task's modelled durations alone." : "";
    $("legend").textContent = `Line: ${kinds.join(" or ") || "none"}${whose}${
      $("runs").checked ? "; thin: every run" : ""}. ${better()}. Rule ${state.rule}: ${
      DATA.rules[state.rule]}.${modelled}${multiples.join("")}${missing}`;
  }

  // --- what is under the pointer ----------------------------------------------------------------

  /** The plot's area on the page, and the way from its pixels to values and back. */
  function area() {
    const box = plot.querySelector(".nsewdrag").getBoundingClientRect();
    const { xaxis, yaxis } = plot.layout;
    const toX = (px) => 10 ** (xaxis.range[0] + (px - box.left) / box.width * (xaxis.range[1] - xaxis.range[0]));
    const fromX = (x) => box.left + (Math.log10(x) - xaxis.range[0]) / (xaxis.range[1] - xaxis.range[0]) * box.width;
    const fromY = (y) => {
      const place = yaxis.type === "log" ? Math.log10(Math.max(y, 1e-300)) : y;
      const px = box.bottom - (place - yaxis.range[0]) / (yaxis.range[1] - yaxis.range[0]) * box.height;
      return Math.min(Math.max(px, box.top), box.bottom);
    };
    return { box, toX, fromX, fromY };
  }

  /** Every line that has a value at x: aggregates, and runs where they are shown. */
  function candidates(x) {
    const all = [];
    for (const line of shown()) {
      const { curve, runs } = line;
      const held = runs.filter((r) => x <= r.end && last(r.x, x) >= 0)
        .map((r) => ({ ...line, r, i: last(r.x, x), y: r.y[last(r.x, x)] }));
      const i = last(curve.x, x);
      if (i >= 0 && x <= curve.x[curve.x.length - 1] && held.length) {
        const best = held.reduce((a, b) => ((higher() ? b.y > a.y : b.y < a.y) ? b : a));
        all.push({ ...best, y: curve.centre[i], band: [curve.low[i], curve.high[i]] });
      }
      if ($("runs").checked || !curve.x.length) all.push(...held);
    }
    return all.sort((a, b) => a.y - b.y);
  }

  function nearest(clientX, clientY) {
    const { box, toX, fromY } = area();
    if (clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom) return hide();
    const x = toX(clientX);
    const distance = (c) => Math.abs(fromY(c.y) - clientY);
    const all = candidates(x);
    if (!all.length) return hide();
    // of equal distances the aggregate: it tells more
    const found = all.reduce((a, b) => (distance(b) < distance(a) || (distance(b) === distance(a) && b.band) ? b : a));
    tell(found, x, clientX, clientY);
  }

  const number = (v) => (typeof v === "number" ? String(Number(v.toPrecision(4))) : v === null ? "–" : String(v));

  function element(kind, text, className) {
    const made = document.createElement(kind);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function tell(found, x, clientX, clientY) {
    const { own, look, r, i } = found;
    const { fromX, fromY } = area();
    const report = r.found[i], run = r.run;
    const tip = $("tip"), marker = $("marker");
    tip.replaceChildren(element("b", look.label));
    tip.style.borderLeftColor = marker.style.background = colour(look);
    if (found.band && own.n > 1) {
      tip.append(element("p", `${own.label} of ${own.n} seeds: ${number(found.y)} [${
        number(found.band[0])}, ${number(found.band[1])}] at ${number(x)} ${DATA.axes[state.axis]}`));
    }
    const which = found.band && own.n > 1 ? `, the ${higher() ? "highest" : "lowest"} of ${own.n}` : "";
    const noiseFree = state.rule === "validated" ? `, noise-free ${regret() ? "regret" : "loss"} ${number(run.true[report])}` : "";
    tip.append(element("p", `Incumbent of seed ${run.seed}${which}: ${state.task.metric} ${number(run.loss[report])}${noiseFree}; ` +
      `${run.level[report]} of ${state.task.top} ${state.task.unit}${state.task.top === 1 ? "" : "s"}, found at ${
        number(run.at[state.axis][report])} ${DATA.axes[state.axis]}`));
    const config = element("div", undefined, "config");
    const values = own.configs[run.config[report]];
    state.task.hyperparameters.forEach((name, k) => {
      if (values[k] === null) return; // inactive
      const line = element("div");
      line.append(element("span", name), " ", element("b", number(values[k])));
      config.append(line);
    });
    if (config.children.length <= 5) config.classList.add("few");
    tip.append(config);
    tip.hidden = marker.hidden = false;
    const stage = $("stage").getBoundingClientRect();
    marker.style.left = `${fromX(x) - stage.left}px`;
    marker.style.top = `${fromY(found.y) - stage.top}px`;
    const size = tip.getBoundingClientRect(), room = 18, width = document.documentElement.clientWidth;
    let left = clientX + room, top = clientY + room;
    if (left + size.width > width - 8) left = clientX - room - size.width;
    if (left < 8) left = Math.max(8, (width - size.width) / 2);
    if (top + size.height > window.innerHeight - 8) top = clientY - room - size.height;
    tip.style.left = `${left}px`;
    tip.style.top = `${Math.max(8, top)}px`;
    state.at = { x, key: key(found) };
  }

  const key = (c) => `${c.name}/${c.band ? "over seeds" : c.r.run.seed}`;

  function hide() {
    $("tip").hidden = $("marker").hidden = true;
  }

  function press(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key === "Escape") return hide();
    if (!(event.key in moves)) return;
    event.preventDefault();
    const [along, up] = moves[event.key];
    const [low, high] = plot.layout.xaxis.range;
    let x = Math.log10(state.at ? state.at.x : 10 ** ((low + high) / 2)) + along * (high - low) / 60;
    x = 10 ** Math.min(Math.max(x, low), high);
    const all = candidates(x);
    if (!all.length) return hide();
    const now = all.findIndex((c) => state.at && key(c) === state.at.key);
    const found = all[Math.min(Math.max((now < 0 ? 0 : now) + up, 0), all.length - 1)];
    const { fromX, fromY } = area();
    tell(found, x, fromX(x), fromY(found.y));
  }

  // --- controls ---------------------------------------------------------------------------------

  function fill(select, names, words, chosen) {
    select.replaceChildren(...names.map((name) => {
      const option = element("option", words(name));
      option.value = name;
      return option;
    }));
    select.value = names.includes(chosen) ? chosen : names[0];
    select.disabled = names.length < 2;
    return select.value;
  }

  function chip(name) {
    const label = element("label", undefined, "chip"), box = element("input");
    box.type = "checkbox";
    box.value = name;
    box.checked = !state.off.has(name);
    box.addEventListener("change", () => {
      if (box.checked) state.off.delete(name); else state.off.add(name);
      draw();
    });
    const look = DATA.methods[name], space = "http://www.w3.org/2000/svg";
    const sample = document.createElementNS(space, "svg"), line = document.createElementNS(space, "line");
    sample.setAttribute("aria-hidden", "true");
    for (const [key, value] of Object.entries({ x1: 0, x2: 30, y1: 4, y2: 4, stroke: colour(look), "stroke-width": look.width }))
      line.setAttribute(key, value);
    if (look.dash !== "solid") line.setAttribute("stroke-dasharray", look.dash);
    sample.append(line);
    label.append(box, sample, look.label);
    return label;
  }

  function chips() {
    $("chips").replaceChildren(...Object.keys(state.task.methods).map(chip));
  }

  function choose() {
    const task = state.task = DATA.tasks.find((t) => t.name === $("task").value);
    state.rule = fill($("rule"), task.rules, (rule) => `${rule}: ${DATA.rules[rule]}`, state.rule || task.rule);
    state.axis = fill($("axis"), task.axes, (axis) => DATA.axes[axis], state.axis || task.axis);
    $("runs").checked = Object.values(task.methods).some((own) => own.n < FEW_SEEDS && own.n > 1);
    chips();
    draw();
  }

  fill($("task"), DATA.tasks.map((task) => task.name), (name) => name, null);
  $("pick-task").hidden = DATA.tasks.length < 2;
  $("task").addEventListener("change", () => { state.rule = null; state.axis = null; choose(); });
  for (const name of ["rule", "axis"])
    $(name).addEventListener("change", () => { state[name] = $(name).value; draw(); });
  $("runs").addEventListener("change", draw);
  $("all").addEventListener("click", () => { state.off.clear(); chips(); draw(); });
  $("none").addEventListener("click", () => {
    Object.keys(state.task.methods).forEach((name) => state.off.add(name));
    chips();
    draw();
  });
  dark.addEventListener("change", () => { chips(); draw(); });
  let narrow = plot.clientWidth < 600;
  window.addEventListener("resize", () => {
    if (narrow === (narrow = plot.clientWidth < 600)) return;
    draw();
  });
  choose();
  plot.on("plotly_relayout", retick);
  $("stage").addEventListener("pointermove", (event) => { if (!event.buttons || coarse.matches) nearest(event.clientX, event.clientY); });
  $("stage").addEventListener("pointerdown", (event) => { if (coarse.matches) nearest(event.clientX, event.clientY); else hide(); }, true);
  $("stage").addEventListener("pointerleave", hide);
  plot.addEventListener("keydown", press);
  plot.addEventListener("blur", hide);
})();

/* Draws the figures of a lesson from the data beside them, and checks exercises. Nothing is loaded, nothing is stored. */
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const DASH = { dashed: "6 4" };
  const ROOM = { left: 58, right: 12, top: 10, bottom: 24 };
  let clips = 0;

  const make = (name, attributes = {}, ...children) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const element = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };

  /* Round numbers along an axis: steps of 1, 2 or 5 times a power of ten. */
  const rounds = ([low, high], most) => {
    const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(times => times * power).find(value => value >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
      const value = k * step, size = Math.abs(value);
      found.push([value, size >= 1e6 || (size > 0 && size < 1e-3) ? value.toExponential(1) : value.toFixed(digits)]);
    }
    return found;
  };

  const drawPanel = (panel, marks, width, says) => {
    const height = Math.round(Math.min(300, Math.max(200, 0.62 * width)));
    const [x0, x1] = panel.xr, [y0, y1] = panel.yr;
    const across = x => ROOM.left + (width - ROOM.left - ROOM.right) * (x - x0) / (x1 - x0);
    const up = y => height - ROOM.bottom - (height - ROOM.top - ROOM.bottom) * (y - y0) / (y1 - y0);
    const picture = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": says });
    const ticks = panel.ticks.length ? panel.ticks : rounds(panel.xr, Math.max(3, width / 80));
    for (const [value, words] of ticks) {
      picture.append(make("text", { x: across(value), y: height - ROOM.bottom + 16, "text-anchor": "middle" }, words));
    }
    for (const [value, words] of rounds(panel.yr, 5)) {
      picture.append(make("line", { class: "axis", x1: ROOM.left, x2: width - ROOM.right, y1: up(value), y2: up(value) }));
      picture.append(make("text", { x: ROOM.left - 6, y: up(value) + 4, "text-anchor": "end" }, words));
    }
    const clip = `mecopt-clip-${++clips}`;
    picture.append(make("clipPath", { id: clip }, make("rect", {
      x: ROOM.left - 6, y: ROOM.top - 6, width: width - ROOM.left - ROOM.right + 12, height: height - ROOM.top - ROOM.bottom + 12 })));
    const inside = make("g", { "clip-path": `url(#${clip})` });
    marks.forEach((mark, place) => inside.append(drawMark(mark, place, marks, { across, up, width, height, panel })));
    picture.append(inside);
    return picture;
  };

  const drawMark = (mark, place, marks, { across, up, width, height, panel }) => {
    const colour = `var(--${mark.r})`, group = make("g", { "data-mark": mark.n, "data-kind": mark.k });
    const least = up(Math.max(0, panel.yr[0]));
    const clipped = y => Math.min(panel.yr[1], Math.max(panel.yr[0], y));
    if (mark.k === "bars") {
      const kinds = marks.filter(other => other.k === "bars"), own = kinds.indexOf(mark);
      const wide = 0.8 * Math.abs(across(1) - across(0)) / kinds.length;
      mark.x.forEach((x, i) => {
        if (mark.y[i] === null) return;
        const top = up(clipped(mark.y[i])), from = across(x) + (own - kinds.length / 2) * wide;
        group.append(make("rect", { x: from, width: 0.94 * wide, y: Math.min(top, least), height: Math.abs(top - least), fill: colour }));
      });
    } else if (mark.k === "dots") {
      mark.x.forEach((x, i) => {
        if (mark.y[i] !== null && x !== null) group.append(make("circle", { cx: across(x), cy: up(mark.y[i]), r: 4.5, fill: colour }));
      });
    } else if (mark.k === "upright") {
      for (const x of mark.x) if (x !== null) group.append(make("line", {
        x1: across(x), x2: across(x), y1: ROOM.top, y2: height - ROOM.bottom, stroke: colour, "stroke-width": 2, "stroke-dasharray": "2 3" }));
    } else if (mark.k === "level") {
      for (const y of mark.y) if (y !== null) group.append(make("line", {
        x1: ROOM.left, x2: width - ROOM.right, y1: up(y), y2: up(y), stroke: colour, "stroke-width": 2, "stroke-dasharray": "2 3" }));
    } else {
      let path = "", pen = "M";
      mark.x.forEach((x, i) => {
        const y = mark.y[i];
        if (x === null || y === null) { pen = "M"; return; }
        path += `${pen}${across(x).toFixed(1)} ${up(y).toFixed(1)}`;
        pen = "L";
      });
      const line = make("path", { d: path, fill: "none", stroke: colour, "stroke-width": 2.2, "stroke-linejoin": "round" });
      if (DASH[mark.k]) line.setAttribute("stroke-dasharray", DASH[mark.k]);
      group.append(line);
    }
    return group;
  };

  const legend = marks => {
    const list = element("ul", { class: "legend" }), seen = new Set();
    for (const mark of marks) {
      if (!mark.n || seen.has(mark.n)) continue;
      seen.add(mark.n);
      const colour = `var(--${mark.r})`, sign = make("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" });
      if (mark.k === "dots") sign.append(make("circle", { cx: 13, cy: 5, r: 4.5, fill: colour }));
      else if (mark.k === "bars") sign.append(make("rect", { x: 6, y: 0, width: 14, height: 10, fill: colour }));
      else sign.append(make("line", { x1: 0, x2: 26, y1: 5, y2: 5, stroke: colour, "stroke-width": 2.4,
        "stroke-dasharray": DASH[mark.k] || (mark.k === "line" ? "none" : "2 3") }));
      list.append(element("li", {}, sign, mark.n));
    }
    return list;
  };

  const show = (root, data, view) => {
    const panels = root.querySelector(".panels");
    panels.replaceChildren(...data.panels.map((panel, k) => {
      const marks = view.panels[k].map(index => data.pool[index]);
      const width = Math.max(240, Math.floor((root.clientWidth - 30) / (root.clientWidth > 560 ? data.panels.length : 1)) - 16);
      return element("div", { class: "panel" },
        element("div", { class: "unit" }, panel.y),
        drawPanel(panel, marks, width, view.says),
        element("div", { class: "unit along" }, panel.x), legend(marks));
    }));
    root.querySelector("dl").replaceChildren(...data.names.map((name, k) =>
      element("div", {}, element("dt", {}, name), element("dd", { "data-number": name }, view.numbers[k]))));
    root.querySelector(".says").textContent = view.says;
    root.querySelector(".certified").textContent = data.certified;
  };

  const figure = root => {
    let data = JSON.parse(root.querySelector("script").textContent), view;
    const live = root.dataset.live, sliders = [...root.querySelectorAll("input[type=range]")];
    const told = (input, words) => {
      input.setAttribute("aria-valuetext", words);
      input.closest(".slider").querySelector("output").textContent = words;
    };
    const grid = () => {
      const index = data.sliders.reduce((sum, slider, k) => sum * slider.values.length + Number(sliders[k].value), 0);
      data.sliders.forEach((slider, k) => told(sliders[k], slider.texts[sliders[k].value]));
      view = data.views[index];
      show(root, data, view);
    };
    let asked = 0;
    const served = async () => {
      const mine = ++asked, where = new URLSearchParams(sliders.map(input => [input.name, input.value]));
      sliders.forEach(input => told(input, `${input.value} ${input.dataset.unit}`.trim()));
      let found;
      try {
        const answer = await fetch(`${live}?${where}`);
        found = answer.ok ? await answer.json() : { error: await answer.text() };
      } catch {
        found = { error: "No answer: what is drawn is of values before. Is the command that serves this page still running?" };
      }
      if (mine !== asked) return;
      if (found.error) { root.querySelector(".says").textContent = found.error; return; }
      data = found; view = found.views[0];
      show(root, data, view);
    };
    const changed = live ? served : grid;
    sliders.forEach(input => input.addEventListener("input", changed));
    changed();
    let width = root.clientWidth;
    new ResizeObserver(() => {
      if (view && root.clientWidth !== width) { width = root.clientWidth; show(root, data, view); }
    }).observe(root);
  };

  /* A number as people write it: 1234.5, 1,234.5, 1 234,5, 3e6. Of 1,234 nobody can tell what is meant: undefined. */
  const read = text => {
    const plain = text.trim().replace(/\u2212/g, "-").replace(/(?<=\d)[\s'’_](?=\d{3}(?!\d))/g, "");
    if (/^[+-]?[1-9]\d{0,2},\d{3}$/.test(plain)) return undefined;
    const thousands = /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/.test(plain) && !/^[+-]?0,\d{3}$/.test(plain);
    return Number((thousands ? plain.replace(/,/g, "") : plain.replace(",", ".")) || NaN);
  };

  const exercise = form => {
    form.addEventListener("submit", event => {
      event.preventDefault();
      const given = read(form.elements.answer.value);
      const right = Number(form.dataset.answer), allowed = Number(form.dataset.allowed);
      const verdict = form.querySelector("[role=status]");
      if (given === undefined) verdict.textContent = "Is the comma one of thousands or a decimal one? Write 1234 or 1.234.";
      else if (Number.isNaN(given)) verdict.textContent = "Not a number yet: write it as 12.5, 1,234.5 or 3e6, without a unit.";
      else if (Math.abs(given - right) <= allowed) verdict.textContent = "✓ Right.";
      else verdict.textContent = `✗ Not yet: too ${given > right ? "large" : "small"}.`;
      verdict.className = Math.abs(given - right) <= allowed ? "passed" : "failed";
    });
  };

  const begin = () => {
    document.querySelectorAll(".mecopt-figure").forEach(figure);
    document.querySelectorAll(".exercise form").forEach(exercise);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();

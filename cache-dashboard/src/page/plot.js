// Plots as SVG, drawn again for each new record and each new width.

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Text is always a text node, so a hostile name is a text, too.
function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const HEIGHT = 168;
const EDGE = { left: 52, right: 10, top: 8, bottom: 22 };

function clock(at, seconds) {
  return new Date(at).toLocaleTimeString([], { hourCycle: "h23", hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) });
}

// `spec`: title, series (`{ name, color, of(record) }`), format, stacked, top (a fixed end of the axis).
function makePlot(spec) {
  const legend = el("ul", { class: "legend" });
  const values = spec.series.map((series) => {
    const value = el("b");
    legend.append(el("li", {}, el("i", { class: "key " + series.color }), series.name + " ", value));
    return value;
  });
  const area = el("div", { class: "area" });
  const tip = el("div", { class: "tip", hidden: true });
  const element = el("figure", { class: "card plot" }, el("figcaption", {}, spec.title), legend, area, tip);
  let records = [];
  let range = [0, 1];
  let interval = 2000;
  let pointed = null;

  const draw = () => {
    const width = Math.max(200, Math.floor(area.clientWidth));
    const inner = [width - EDGE.left - EDGE.right, HEIGHT - EDGE.top - EDGE.bottom];
    const rows = records.map((one) => {
      let sum = 0;
      return spec.series.map((series) => {
        const value = series.of(one);
        if (!spec.stacked) return [null, value];
        const from = sum;
        sum += value || 0;
        return [from, sum];
      });
    });
    const most = Math.max(0, ...rows.flat().map(([, value]) => (Number.isFinite(value) ? value : 0)));
    const { top, ticks } = spec.top ? { top: spec.top, ticks: [0, 0.25, 0.5, 0.75, 1].map((part) => part * spec.top) } : axis(most);
    const x = (at) => EDGE.left + ((at - range[0]) / (range[1] - range[0] || 1)) * inner[0];
    const y = (value) => EDGE.top + (1 - value / top) * inner[1];
    const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": spoken() });
    for (const tick of ticks) {
      picture.append(svg("line", { class: tick === 0 ? "axis" : "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(tick), y2: y(tick) }));
      picture.append(svg("text", { x: EDGE.left - 6, y: y(tick) + 4, "text-anchor": "end" }, spec.format(tick)));
    }
    for (const at of moments(range[0], range[1], Math.max(2, Math.floor(inner[0] / 80)))) {
      const anchor = x(at) > width - 30 ? "end" : x(at) < EDGE.left + 20 ? "start" : "middle";
      picture.append(svg("text", { x: x(at), y: HEIGHT - 6, "text-anchor": anchor }, clock(at, range[1] - range[0] < 120000)));
    }
    spec.series.forEach((series, which) => {
      let line = "";
      let bottom = [];
      let area = "";
      let before = null;
      const close = () => {
        if (bottom.length > 0) area += bottom.reverse().map((point) => "L" + point).join("") + "Z";
        bottom = [];
      };
      records.forEach((one, at) => {
        const [from, value] = rows[at][which];
        if (!Number.isFinite(value)) {
          close();
          before = null;
          return;
        }
        const joined = before !== null && one.at_unix_ms - before < interval * 3;
        if (!joined) close();
        const point = x(one.at_unix_ms).toFixed(1) + " " + y(value).toFixed(1);
        line += (joined ? "L" : "M") + point;
        // A value alone is a dot.
        const next = records[at + 1];
        const alone = !joined && !(next && Number.isFinite(rows[at + 1][which][1]) && next.at_unix_ms - one.at_unix_ms < interval * 3);
        if (alone) line += "h0.1";
        if (spec.stacked) {
          area += (joined ? "L" : "M") + point;
          bottom.push(x(one.at_unix_ms).toFixed(1) + " " + y(from).toFixed(1));
        }
        before = one.at_unix_ms;
      });
      close();
      if (spec.stacked) picture.append(svg("path", { class: "fill " + series.color, d: area }));
      else picture.append(svg("path", { class: "line " + series.color, d: line }));
    });
    const cross = svg("line", { class: "cross", y1: EDGE.top, y2: HEIGHT - EDGE.bottom, visibility: "hidden" });
    picture.append(cross);
    area.replaceChildren(picture);
    if (pointed !== null) point(pointed, cross, x, width);
    picture.addEventListener("pointermove", (event) => {
      pointed = range[0] + ((event.offsetX - EDGE.left) / (inner[0] || 1)) * (range[1] - range[0]);
      point(pointed, cross, x, width);
    });
    picture.addEventListener("pointerleave", () => {
      pointed = null;
      cross.setAttribute("visibility", "hidden");
      tip.hidden = true;
    });
  };

  const point = (at, cross, x, width) => {
    if (records.length === 0) return;
    const one = records.reduce((best, one) => (Math.abs(one.at_unix_ms - at) < Math.abs(best.at_unix_ms - at) ? one : best));
    const place = x(one.at_unix_ms);
    cross.setAttribute("x1", place);
    cross.setAttribute("x2", place);
    cross.setAttribute("visibility", "visible");
    tip.replaceChildren(el("b", {}, clock(one.at_unix_ms, true)), ...spec.series.map((series) =>
      el("span", {}, el("i", { class: "key " + series.color }), series.name + " ", el("b", {}, spec.format(series.of(one))))));
    tip.hidden = false;
    // Beside the line, so that the values stay visible.
    const left = place + 14 + tip.offsetWidth <= width ? place + 14 : Math.max(0, place - 14 - tip.offsetWidth);
    tip.style.transform = `translateX(${Math.round(left)}px)`;
  };

  const spoken = () => spec.title + ": " + spec.series.map((series, at) => series.name + " " + values[at].textContent).join(", ");

  new ResizeObserver(() => draw()).observe(area);
  return {
    element,
    update(shown, within, every) {
      records = shown;
      range = within;
      interval = every;
      const last = shown[shown.length - 1];
      spec.series.forEach((series, at) => { values[at].textContent = last ? spec.format(series.of(last)) : "–"; });
      draw();
    },
  };
}

// A strip of states over time.
function strip(label, found, [from, to], names) {
  const width = 1000;
  const x = (at) => ((Math.max(at, from) - from) / (to - from || 1)) * width;
  const picture = svg("svg", { viewBox: `0 0 ${width} 14`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  picture.append(svg("rect", { class: "none", x: 0, y: 0, width, height: 14 }));
  for (const one of found) {
    if (one.to <= from) continue;
    picture.append(svg("rect", { class: names[one.state], x: x(one.from).toFixed(1), y: 0, width: Math.max(2, x(one.to) - x(one.from)).toFixed(1), height: 14 },
      svg("title", {}, names[one.state] + " from " + clock(one.from, true) + " to " + clock(one.to, true))));
  }
  return el("div", { class: "strip" }, el("span", {}, label), picture);
}

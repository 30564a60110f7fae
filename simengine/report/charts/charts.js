// Mounts charts, replaces their rows, writes their tooltips. Vega-Embed is `vegaEmbed` here; nothing is evaluated.
const shown = new Map();
let tip = null;

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Text of a plan is set as text, never as markup.
function tooltip(handler, event, item, value) {
  if (tip === null) {
    tip = element("div", "sim-tip");
    tip.setAttribute("role", "tooltip");
    document.body.append(tip);
  }
  if (value === null || value === undefined || value === "" || typeof value !== "object") {
    tip.hidden = true;
    return;
  }
  const list = document.createElement("dl");
  for (const [key, said] of Object.entries(value)) {
    list.append(element("dt", "", key), element("dd", "", String(said)));
  }
  tip.replaceChildren(list);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = event.clientX + 14 + box.width > innerWidth ? event.clientX - 14 - box.width : event.clientX + 14;
  const above = event.clientY - box.height - 10;
  tip.style.left = `${Math.max(8, Math.min(left, innerWidth - box.width - 8))}px`;
  tip.style.top = `${Math.max(8, above < 8 ? event.clientY + 14 : above)}px`;
}

const options = { mode: "vega-lite", ast: true, actions: false, renderer: "svg", tooltip, defaultStyle: false };

function tell(entry, chart) {
  if (entry.heading) entry.heading.textContent = chart.title;
  const svg = entry.plot.querySelector("svg");
  if (svg) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", chart.alt);
    for (const inner of svg.querySelectorAll("[role]")) inner.removeAttribute("role");
    for (const inner of svg.querySelectorAll("[aria-label]")) inner.removeAttribute("aria-label");
    for (const inner of svg.querySelectorAll("[aria-roledescription]")) inner.removeAttribute("aria-roledescription");
  }
}

async function draw(entry, chart) {
  const turn = (entry.turn = (entry.turn || 0) + 1);
  const fresh = element("div", "sim-plot");
  fresh.style.width = "100%";
  const before = entry.plot;
  fresh.style.visibility = "hidden";
  fresh.style.position = "absolute";
  entry.root.append(fresh);
  const made = await vegaEmbed(fresh, chart.spec, options);
  if (turn !== entry.turn) {
    made.finalize();
    fresh.remove();
    return;
  }
  if (entry.made) {
    shown.delete(entry.chart.name);
    entry.made.finalize();
  }
  entry.plot = fresh;
  entry.chart = chart;
  entry.made = made;
  if (before) before.replaceWith(fresh);
  fresh.style.visibility = "";
  fresh.style.position = "";
  shown.set(chart.name, entry);
  tell(entry, chart);
}

// Resize with the container: Vega itself listens to the window only.
const watcher =
  typeof ResizeObserver === "undefined"
    ? null
    : new ResizeObserver((changes) => {
        for (const { target, contentRect } of changes) {
          const entry = target.simengine;
          const width = Math.round(contentRect.width);
          if (!entry || !entry.made || width === 0 || entry.width === width) continue;
          const first = entry.width === undefined;
          entry.width = width;
          if (!first) dispatchEvent(new Event("resize"));
        }
      });

// Show a chart, or a choice of charts, in an element instead of what is there (a picture for who allows no script).
async function mount(target, what, { title = true } = {}) {
  const root = typeof target === "string" ? document.getElementById(target) : target;
  unmount(root);
  const entry = { root, plot: element("div", "sim-plot"), heading: null };
  const parts = [];
  if (what.charts && what.charts.length > 1) {
    const row = element("label", "sim-switch", what.label);
    const select = document.createElement("select");
    what.charts.forEach((choice, place) => {
      const option = element("option", "", choice.label);
      option.value = String(place);
      select.append(option);
    });
    select.addEventListener("change", () => draw(entry, what.charts[Number(select.value)].chart));
    row.append(select);
    parts.push(row);
  }
  if (title) {
    entry.heading = element("p", "sim-title");
    parts.push(entry.heading);
  }
  root.classList.add("sim-chart");
  root.replaceChildren(...parts, entry.plot);
  root.simengine = entry;
  await draw(entry, what.charts ? what.charts[0].chart : what);
  if (watcher) watcher.observe(root);
}

function unmount(target) {
  const root = typeof target === "string" ? document.getElementById(target) : target;
  const entry = root && root.simengine;
  if (!entry) return;
  entry.turn += 1;
  if (watcher) watcher.unobserve(root);
  if (entry.made) entry.made.finalize();
  if (entry.chart) shown.delete(entry.chart.name);
  root.simengine = undefined;
  if (tip) tip.hidden = true;
}

// Replace the rows of a mounted chart: an array of rows, or what `live` of Python gives.
async function update(name, what) {
  const entry = shown.get(name);
  if (!entry) return false;
  const told = Array.isArray(what) ? { data: { [name]: what } } : what;
  const view = entry.made.view;
  for (const [signal, value] of Object.entries(told.signals || {})) view.signal(signal, value);
  for (const [data, rows] of Object.entries(told.data || {})) view.data(data, rows);
  if (told.title) tell(entry, told);
  await view.runAsync();
  return true;
}

window.simengine = { mount, unmount, update };

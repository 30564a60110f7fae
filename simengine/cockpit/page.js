// What the server says is shown here, by the id of the element: numbers first, pictures in the next frame. Text of a
// plan is set as text, never as markup.
(() => {
  const mounted = new Set();
  const touched = new Map();
  const REST = 600; // milliseconds after which a slider is thought to stay where it was let go
  let waiting = null;

  addEventListener("input", (event) => touched.set(event.target.id, performance.now()), true);

  function isOnItsWay(place) {
    return place.type === "range" && performance.now() - (touched.get(place.id) ?? -REST) < REST;
  }

  function pictures(charts) {
    if (waiting === null) requestAnimationFrame(() => {
      const now = waiting;
      waiting = null;
      for (const chart of now) draw(chart);
    });
    waiting = charts;
  }

  async function draw(chart) {
    const root = document.getElementById(`chart-${chart.name}`);
    if (!root) return;
    if (chart.spec) {
      mounted.add(chart.name);
      await window.simengine.mount(root, chart);
    } else if (mounted.has(chart.name)) {
      await window.simengine.update(chart.name, chart);
    }
  }

  function show(state) {
    for (const [id, text] of Object.entries(state.texts || {})) {
      const place = document.getElementById(id);
      if (place && place.textContent !== text) place.textContent = text;
    }
    for (const [id, lines] of Object.entries(state.lists || {})) {
      const place = document.getElementById(id);
      if (place) place.replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
    }
    for (const [id, value] of Object.entries(state.values || {})) {
      const place = document.getElementById(id);
      if (!place || (!state.force && isOnItsWay(place))) continue;
      if (typeof value === "boolean") place.checked = value;
      else place.value = value;
    }
    for (const [id, said] of Object.entries(state.said || {})) {
      const place = document.getElementById(id);
      if (place) place.setAttribute("aria-valuetext", said);
    }
    for (const [id, classes] of Object.entries(state.classes || {})) {
      const place = document.getElementById(id);
      for (const [name, on] of Object.entries(place ? classes : {})) place.classList.toggle(name, on);
    }
    for (const [id, hidden] of Object.entries(state.hidden || {})) {
      const place = document.getElementById(id);
      if (place) place.hidden = hidden;
    }
    for (const [id, disabled] of Object.entries(state.disabled || {})) {
      const place = document.getElementById(id);
      if (place) place.disabled = disabled;
    }
    for (const [id, facts] of Object.entries(state.data || {})) {
      const place = document.getElementById(id);
      for (const [name, value] of Object.entries(place ? facts : {})) place.dataset[name] = String(value);
      // Numbers of what was there before are grey until the answer is here.
      if (place) place.classList.toggle("ck-stale", place.dataset.setting !== place.dataset.wanted);
    }
    for (const [id, order] of Object.entries(state.order || {})) {
      const place = document.getElementById(id);
      if (place) place.style.order = order;
    }
    if (state.charts) pictures(state.charts);
  }

  window.cockpit = { show };

  addEventListener("keydown", (event) => {
    const typed = event.target instanceof HTMLInputElement && event.target.type === "text";
    if (typed || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    document.querySelector(event.shiftKey ? "[data-act=redo]" : "[data-act=undo]")?.click();
  });
})();

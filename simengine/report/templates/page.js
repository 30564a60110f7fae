"use strict";
(() => {
  const root = document.documentElement;
  const find = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Appearance: as the system says, until the reader says otherwise.
  const theme = find("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const name = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  dark.addEventListener("change", name);
  name();

  // Another target on page one.
  const target = find("target");
  if (target) {
    target.closest(".choose").hidden = false;
    target.addEventListener("change", () => {
      all(".headline").forEach((one) => { one.hidden = one.dataset.target !== target.value; });
      const drivers = all(".headline")[target.value].dataset.drivers;
      all(".board .of-target").forEach((one) => { one.hidden = one.dataset.name !== drivers; });
    });
  }

  // The register, by words, function and segment.
  const form = document.querySelector(".filter");
  if (form) {
    form.hidden = false;
    const rows = all("#register tr[data-keys]");
    const update = () => {
      const words = find("find").value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = find("function").value;
      const segment = find("segment").value;
      let count = 0;
      rows.forEach((row) => {
        const keys = row.dataset.keys.split(" ");
        const text = row.textContent.toLowerCase();
        row.hidden = !(words.every((word) => text.includes(word)) && (!wanted || keys.includes(wanted))
          && (!segment || keys.includes("segment:" + segment)));
        count += row.hidden ? 0 : 1;
      });
      find("found").textContent = count + " of " + rows.length;
    };
    form.addEventListener("input", update);
    form.addEventListener("submit", (event) => event.preventDefault());
    update();
  }

  // Pictures come to life when they come near; on paper, and where that fails, they stand as they were drawn.
  const data = find("pictures");
  if (data && window.simengine) {
    const made = JSON.parse(data.textContent);
    const wake = (place) => {
      place.hidden = false;
      simengine.mount(place, made[place.dataset.picture]).then(
        () => { place.nextElementSibling.classList.add("paper"); },
        () => { place.hidden = true; });
    };
    const seen = new IntersectionObserver((entries) => entries.forEach((one) => {
      if (!one.isIntersecting) return;
      seen.unobserve(one.target);
      wake(one.target.querySelector(".live"));
    }), { rootMargin: "400px" });
    all("figure.picture:has(.live)").forEach((one) => seen.observe(one));
  }

  // A link to a line opens the file that holds it; paper has everything open.
  const open = () => {
    const place = location.hash && find(decodeURIComponent(location.hash.slice(1)));
    for (let one = place && place.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
    if (place) place.scrollIntoView({ block: place.matches("li, tr *") ? "center" : "start" });
  };
  addEventListener("hashchange", open);
  open();
  all(".contents a").forEach((link) => link.addEventListener("click", () => { link.closest("details").open = false; }));
  addEventListener("beforeprint", () => all("main details:not(.file)").forEach((one) => {
    one.dataset.was = one.open ? "open" : "";
    one.open = true;
  }));
  addEventListener("afterprint", () => all("main details[data-was]").forEach((one) => { one.open = one.dataset.was === "open"; }));
})();

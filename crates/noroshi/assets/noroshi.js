// Makes pages pleasanter; every page works without it. No dependencies, no other host.
(() => {
  "use strict";
  const doc = document, root = doc.documentElement;
  const words = doc.currentScript.dataset;
  const $ = (css, from = doc) => from.querySelector(css);
  const $$ = (css, from = doc) => [...from.querySelectorAll(css)];
  root.classList.add("js");

  // Theme: at once, without a reload; the server is told so that it lasts.
  const themes = $("[data-theme-form]");
  themes?.addEventListener("submit", (event) => {
    const theme = event.submitter?.value;
    if (!theme) return;
    event.preventDefault();
    root.dataset.theme = theme;
    const body = new URLSearchParams(new FormData(themes));
    body.set("theme", theme);
    fetch(themes.action, { method: "POST", body, redirect: "manual", keepalive: true }).catch(() => {});
    for (const button of $$("button", themes)) button.setAttribute("aria-pressed", button.value === theme);
    themes.closest("details").open = false;
  });

  // Menus close on Escape and on a click elsewhere.
  doc.addEventListener("click", (event) => {
    for (const menu of $$("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  // Forms that hold work: warn before it is lost.
  let dirty = false;
  doc.addEventListener("input", (event) => { if (event.target.closest("form[data-guard]")) dirty = true; });
  addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });

  // Ask before what cannot be undone; then submit with the button that was pressed.
  const ask = $("#ask");
  doc.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const form = event.target, submitter = event.submitter;
    const question = submitter?.dataset.confirm ?? form.dataset.confirm;
    if (question && !form.confirmed && ask?.showModal) {
      event.preventDefault();
      $("#ask-text").textContent = question;
      ask.returnValue = "no";
      ask.onclose = () => {
        if (ask.returnValue !== "yes") return;
        form.confirmed = true;
        form.requestSubmit(submitter);
      };
      ask.showModal();
      return;
    }
    if (form.method !== "dialog") dirty = false;
  });

  // Lists: how many are picked, all of this page, and picking the whole filter instead.
  for (const form of $$("form[data-batch]")) {
    const picks = $$("input[name=pick]", form), told = $("[data-batch-count]", form);
    const all = $("[data-batch-all]", form), whole = $("[data-batch-whole]", form);
    if (!told) continue;
    const none = told.textContent;
    const count = () => {
      const picked = whole?.checked ? +whole.dataset.batchWhole : picks.filter((pick) => pick.checked).length;
      told.textContent = picked ? told.dataset.batchCount.replace("@", picked.toLocaleString(root.lang)) : none;
      for (const pick of picks) pick.disabled = Boolean(whole?.checked);
      if (all) all.checked = picks.length > 0 && picks.every((pick) => pick.checked);
    };
    all?.addEventListener("change", () => { for (const pick of picks) pick.checked = all.checked; });
    form.addEventListener("change", count);
    count();
  }

  // A page on its way says so.
  addEventListener("submit", (event) => { if (!event.defaultPrevented) $("#main")?.setAttribute("aria-busy", "true"); });
  addEventListener("pageshow", () => $("#main")?.removeAttribute("aria-busy"));

  // Deadlines tick. Far ones move by the minute, the last hour by the second.
  const clocks = $$("time[data-countdown]").map((el) => [el, Date.parse(el.dateTime)]).filter(([, due]) => due);
  const told = (seconds) => {
    const d = Math.floor(seconds / 86400), h = Math.floor(seconds / 3600) % 24;
    const m = Math.floor(seconds / 60) % 60, s = Math.floor(seconds % 60);
    if (d >= 2) return d + words.day + (d < 7 ? " " + h + words.hour : "");
    if (d || h) return d * 24 + h + words.hour + " " + m + words.minute;
    return m + words.minute + " " + s + words.second;
  };
  const skew = Date.parse(words.now) - Date.now() || 0; // the server's clock counts, not the reader's
  const tick = () => {
    for (const [el, due] of clocks) {
      const seconds = (due - Date.now() - skew) / 1000;
      const text = (seconds < 0 ? words.over : words.left).replace("@", told(Math.abs(seconds)));
      if (el.textContent !== text) el.textContent = text;
    }
  };
  if (clocks.length) { tick(); setInterval(tick, 1000); }

  // Copy.
  doc.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    try { await navigator.clipboard.writeText(button.dataset.copy); } catch { return; }
    button.dataset.said = words.copied;
    setTimeout(() => delete button.dataset.said, 1500);
  });

  // Command palette: Ctrl+K. Its entries are the links and headings of the page; it is the search form, with more.
  const palette = $("#palette");
  if (palette?.showModal) {
    const box = $("input", palette), list = $("ul", palette), say = palette.dataset;
    const plain = (text) => text.normalize("NFKC").toLowerCase();
    let entries = [], shown = [], at = 0;
    const choose = (next) => {
      at = shown.length ? (next + shown.length) % shown.length : 0;
      [...list.children].forEach((el, i) => el.setAttribute("aria-selected", i === at));
      const el = list.children[at];
      el?.scrollIntoView({ block: "nearest" });
      el ? box.setAttribute("aria-activedescendant", el.id) : box.removeAttribute("aria-activedescendant");
    };
    const draw = () => {
      const typed = box.value.trim(), parts = plain(typed).split(/\s+/);
      shown = entries.filter((one) => parts.every((part) => plain(one.text).includes(part))).slice(0, 30);
      const to = (text, href) => shown.unshift({ text: text.replace("@", () => typed), href });
      if (typed && say.action) to(say.search, say.action + "?q=" + encodeURIComponent(typed));
      if (/^case-[0-9a-f]{32}$/.test(typed)) to(say.open, "/analyse/cases/" + typed);
      if (/^[a-z0-9-]+--[0-9a-f-]{36}$/.test(typed)) to(say.open, "/evidence/" + typed);
      list.replaceChildren(...shown.map((one, i) => {
        const el = doc.createElement("li");
        Object.assign(el, { id: "palette-" + i, textContent: one.text, onclick: () => run(one) });
        el.setAttribute("role", "option");
        return el;
      }));
      $("[role=status]", palette).textContent = say.count.replace("@", shown.length);
      choose(0);
    };
    const run = (one) => {
      palette.close();
      if (one?.href) location.assign(one.href);
      else one?.el.scrollIntoView();
    };
    box.addEventListener("input", draw);
    palette.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); choose(at + step); }
      else if (event.key === "Enter" && event.target === box) { event.preventDefault(); run(shown[at]); }
    });
    const open = () => {
      entries = $$(".rail a, .page-head a.btn, .crumbs a, main h2").map((el) => ({ text: el.textContent.trim(), href: el.href, el }));
      box.value = "";
      draw();
      palette.showModal();
    };
    doc.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "k" && !$("dialog[open]")) { event.preventDefault(); open(); }
    });
    for (const button of $$("[data-palette]")) button.addEventListener("click", open);
  }

  // Keyboard: / search, ? help, g and a digit for the menu.
  const keys = $("#keys");
  const help = () => { if (keys?.showModal && !keys.open) keys.showModal(); };
  $("[data-keys]")?.addEventListener("click", help);
  let go = false;
  doc.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of $$("details.menu[open]")) { menu.open = false; $("summary", menu).focus(); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
    const search = $("[data-key-search]");
    if (event.key === "/" && search) { event.preventDefault(); search.focus(); search.select(); }
    else if (event.key === "?") { event.preventDefault(); help(); }
    else if (go && /^[1-9]$/.test(event.key)) $$(".rail a")[event.key - 1]?.click();
    go = event.key === "g";
  });
})();

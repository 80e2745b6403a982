// The desk's script. Everything works without it; with it, forms open in place, the page follows the log, and times
// appear in the reader's zone. No dependencies, nothing inline, nothing from elsewhere.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const body = document.body;
  const dialog = $("#dialog");

  // ── time ──────────────────────────────────────────────────────────────────────────────────────────
  const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hour12: false });
  const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
  // The server's clock counts: a reader's wrong clock must not show wrong remaining times.
  const skew = body.dataset.now ? Date.parse(body.dataset.now) - Date.now() : 0;
  const now = () => Date.now() + skew;

  const localise = (root) => {
    for (const time of $$("time:not(.local)", root)) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const today = at.toDateString() === new Date(now()).toDateString();
      time.firstChild.data = (today ? "" : day.format(at) + " ") + clock.format(at);
      time.classList.add("local");
    }
    for (const input of $$("input[data-time]:not(.local)", root)) {
      const at = input.value ? new Date(input.value + "Z") : null;
      if (at && !Number.isNaN(at.getTime())) input.value = input.defaultValue = wall(at);
      input.classList.add("local");
      const note = $("[data-zone]", input.parentElement);
      if (note) note.textContent = "your time";
    }
  };
  const wall = (at) => new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);

  // As card::words::duration says it.
  const duration = (ms) => {
    const minutes = Math.floor(ms / 60000), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
    const pair = (big, rest, unit) => (rest ? `${big} ${rest} ${unit}` : big);
    if (minutes < 1) return `${Math.floor(ms / 1000)} s`;
    if (hours < 1) return `${minutes} min`;
    if (days < 1) return pair(`${hours} h`, minutes % 60, "min");
    return pair(days === 1 ? "1 day" : `${days} days`, hours % 24, "h");
  };
  const tick = () => {
    for (const left of $$("[data-due]")) {
      const gap = Date.parse(left.dataset.due) - now();
      const text = gap >= 0 ? `${duration(gap)} left` : `${duration(-gap)} late`;
      if (left.textContent !== text) left.textContent = text;
      (left.closest(".clock") || left).classList.toggle("late", gap < 0);
    }
  };

  // A one-time link carries its code after the #, which no server and no log ever sees; a person still has to click.
  const linkForm = $("[data-link-form]");
  if (linkForm && location.hash.length > 1) {
    $("input", linkForm).value = location.hash.slice(1);
    $$("[data-without-link]").forEach((element) => { element.hidden = true; });
    history.replaceState(null, "", location.pathname);
    $("button", linkForm).focus();
  }

  // ── small things ──────────────────────────────────────────────────────────────────────────────────
  const toast = (text) => {
    const box = $("#toast");
    if (!box) return;
    box.textContent = text;
    box.hidden = false;
    clearTimeout(toast.timer);
    toast.timer = setTimeout(() => { box.hidden = true; }, 6000);
  };
  const NOT_SENT = "That could not be sent. What you typed is kept; please try again.";
  const html = (text) => {
    const template = document.createElement("template");
    template.innerHTML = text.trim();
    return template.content.firstElementChild;
  };
  const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

  // What a form holds, with times as moments rather than wall-clock readings.
  const contents = (form, submitter) => {
    const data = new FormData(form, submitter);
    for (const input of $$("input[data-time]", form)) {
      const at = input.value ? new Date(input.value) : null;
      if (at && !Number.isNaN(at.getTime())) data.set(input.name, at.toISOString());
    }
    return form.enctype === "multipart/form-data" ? data : new URLSearchParams(data);
  };

  // 204: done. 200 and 422 with HTML: the form again, with what is missing. 303 is followed by leaving the page.
  const post = async (form, submitter) => {
    const button = submitter || $("button:not([type=button])", form);
    button?.setAttribute("aria-busy", "true");
    try {
      return await fetch(form.action, { method: "POST", body: contents(form, submitter), headers: { "X-Fragment": "1", ...(form.matches("[data-composer]") && { "X-Composer": "1" }) }, redirect: "manual" });
    } catch {
      return null;
    } finally {
      button?.removeAttribute("aria-busy");
    }
  };
  const said = async (reply) => {
    const text = reply ? (await reply.text()).trim() : "";
    return text && !text.startsWith("<") ? text : NOT_SENT;
  };

  // ── forms in the dialog ───────────────────────────────────────────────────────────────────────────
  // What was typed into a form that was left is there again when the form is opened again on this page.
  const drafts = new Map();
  const keep = () => {
    const form = $("form[data-form]", dialog);
    if (!form || form.dataset.done || form.querySelector("[type=file]")) return;
    const typed = Array.from(form.elements).filter((e) => e.name && e.type !== "hidden" && e.type !== "submit");
    const changed = (e) => (e.type === "radio" || e.type === "checkbox" ? e.checked !== e.defaultChecked : e.type === "select-one" ? !e.selectedOptions[0]?.defaultSelected : e.value !== e.defaultValue);
    if (form.dataset.again || typed.some(changed)) drafts.set(form.action, typed.map((e) => [e.id, e.checked, e.value]));
  };
  const restore = (form) => {
    for (const [id, checked, value] of drafts.get(form.action) || []) {
      const input = document.getElementById(id);
      if (!input) continue;
      if (input.type === "radio" || input.type === "checkbox") input.checked = checked; else input.value = value;
    }
    if (drafts.has(form.action)) dialog.dataset.typed = "1";
  };

  let opener = null;
  const show = (text, again) => {
    const sheet = html(text);
    if (!sheet) return;
    if (!again) keep();
    dialog.replaceChildren(sheet);
    localise(dialog);
    if (again) sheet.dataset.again = "1"; else restore(sheet);
    if (!dialog.open) dialog.showModal();
    const wrong = $(".wrong input, .wrong textarea, .wrong select", dialog);
    // What the form is for is read first; after a refusal, why. Both stand above the fields, and stay in sight.
    const first = wrong || $("#form-error", dialog) || $("#form-title", dialog);
    first?.focus({ preventScroll: true });
    (wrong?.closest(".field") || first)?.scrollIntoView({ block: wrong ? "start" : "nearest" });
  };
  const openForm = async (link) => {
    const from = link;
    try {
      const reply = await fetch(link.href, { headers: { "X-Fragment": "1" }, redirect: "manual" });
      if (!reply.ok) return void (reply.type === "opaqueredirect" ? location.assign(link.href) : toast(await said(reply)));
      if (!dialog.open) opener = from.id ? `#${from.id}` : `[href="${CSS.escape(from.getAttribute("href"))}"]`;
      closeMenus();
      show(await reply.text());
    } catch {
      toast("The form could not be opened; please try again.");
    }
  };
  dialog?.addEventListener("close", () => {
    keep();
    dialog.replaceChildren();
    const back = opener && $(opener);
    (back && back.getClientRects().length ? back : $("#more summary") || $("#middle"))?.focus();
    opener = null;
  });
  // A click beside the dialog closes it only while nothing was typed.
  dialog?.addEventListener("click", (event) => {
    if (event.target === dialog && !dialog.dataset.typed) dialog.close();
  });
  dialog?.addEventListener("input", () => { dialog.dataset.typed = "1"; });
  dialog?.addEventListener("close", () => { delete dialog.dataset.typed; });

  const closeMenus = (except) => $$("details.menu[open]").forEach((menu) => { if (menu !== except) menu.open = false; });

  document.addEventListener("click", (event) => {
    closeMenus(event.target.closest("details.menu"));
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    const close = event.target.closest("[data-close]");
    if (close && dialog?.open) { event.preventDefault(); return void dialog.close(); }
    const link = event.target.closest("a[data-dialog]");
    if (link && dialog) { event.preventDefault(); openForm(link); }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = $("details.menu[open]");
      if (menu) { menu.open = false; $("summary", menu).focus(); }
      else if (!dialog?.open && (location.hash === "#channels" || location.hash === "#known")) location.hash = "";
    }
    if (event.key === " " && event.target.matches("a.button, a.icon-button")) { event.preventDefault(); event.target.click(); }
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.matches("[data-composer] textarea")) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.matches("[data-composer]")) { event.preventDefault(); return void send(form, event.submitter); }
    if (form.matches("[data-click]")) { event.preventDefault(); return void click(form, event.submitter); }
    if (form.matches("[data-form]") && dialog?.open) { event.preventDefault(); return void fill(form, event.submitter); }
  });

  const send = async (form, submitter) => {
    const [text, error] = [$("textarea", form), $(".field-error", form)];
    if (!text.value.trim()) return void text.focus();
    const reply = await post(form, submitter);
    if (reply?.status === 204) {
      text.value = "";
      form.elements.dedupe.value = fresh();
      error.hidden = true;
      text.removeAttribute("aria-invalid");
    } else {
      error.textContent = await said(reply);
      error.hidden = false;
      text.setAttribute("aria-invalid", "true");
    }
    text.focus();
  };

  const click = async (form, submitter) => {
    const reply = await post(form, submitter);
    if (reply?.status === 204) return closeMenus();
    if (reply?.type === "opaqueredirect") return void location.reload();
    const text = reply ? await reply.text() : "";
    if (text.trim().startsWith("<form")) show(text);
    else toast(text.trim() || NOT_SENT);
  };

  const fill = async (form, submitter) => {
    const reply = await post(form, submitter);
    if (reply?.status === 204) {
      const to = reply.headers.get("X-Location");
      drafts.delete(form.action);
      form.dataset.done = "1";
      if (submitter?.dataset.said) toast(submitter.dataset.said);
      return void (to ? location.assign(to) : dialog.close());
    }
    if (reply?.type === "opaqueredirect") return void location.reload();
    const text = reply ? await reply.text() : "";
    if (text.trim().startsWith("<form")) return void keepFiles(form, text);
    toast(text.trim() || NOT_SENT);
  };
  // A refused form comes back from the server; a chosen file cannot, so it is carried over here.
  const keepFiles = (form, text) => {
    const files = $$("input[type=file]", form).map((input) => [input.id, input.files]);
    show(text, true);
    for (const [id, chosen] of files) { const input = document.getElementById(id); if (input && chosen.length) input.files = chosen; }
  };

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  // Dropping or pasting a file onto the channel opens the evidence form with it.
  const offerFile = async (files) => {
    const link = $("[data-composer] a[data-dialog]");
    if (!link || !files.length) return;
    await openForm(link);
    const input = $("input[type=file]", dialog);
    if (input) input.files = files;
  };
  document.addEventListener("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); });
  document.addEventListener("drop", (event) => { if (event.dataTransfer?.files.length) { event.preventDefault(); offerFile(event.dataTransfer.files); } });
  document.addEventListener("paste", (event) => { if (event.clipboardData?.files.length) { event.preventDefault(); offerFile(event.clipboardData.files); } });

  // ── the stream ────────────────────────────────────────────────────────────────────────────────────
  // Swaps one fragment; keeps open menus, and the focus when its element comes back.
  const swap = ({ id, html: text, into }) => {
    const next = html(text);
    if (!next) return;
    localise(next);
    const old = $(`[data-fragment="${CSS.escape(id)}"]`);
    if (old) {
      const focused = old.contains(document.activeElement) ? key(document.activeElement) : null;
      const open = $$("details[open]", old).map((menu) => menu.id);
      if (old.outerHTML === next.outerHTML) return;
      old.replaceWith(next);
      open.forEach((menu) => { const same = menu && $(`#${CSS.escape(menu)}`, next); if (same) same.open = true; });
      if (focused) ($$("a, button, summary", next).find((e) => key(e) === focused) || $("a.button, button, summary", next) || $("#middle"))?.focus({ preventScroll: true });
    } else if (into) {
      const list = document.getElementById(into);
      if (!list) return;
      next.classList.add("fresh");
      list.append(next);
    }
    tick();
    if (id === "channels") unread();
  };
  // A channel that moved on since it was last open here is marked. What was seen stays in this browser.
  const unread = () => {
    let seen = {};
    try { seen = JSON.parse(localStorage.getItem("seen") || "{}"); } catch { /* storage is off: nothing is marked */ }
    const first = Object.keys(seen).length === 0;
    const channels = $$("[data-channel]");
    for (const link of channels) {
      const { channel, seq } = link.dataset;
      if (link.hasAttribute("aria-current") || first) seen[channel] = Number(seq);
      const news = !(seen[channel] >= Number(seq));
      link.classList.toggle("unread", news);
      if (news && !$(".count", link)) link.insertAdjacentHTML("beforeend", '<span class="count">new</span>');
    }
    const open = new Set(channels.map((link) => link.dataset.channel));
    for (const channel of Object.keys(seen)) if (!open.has(channel)) delete seen[channel];
    try { localStorage.setItem("seen", JSON.stringify({ "#": 1, ...seen })); } catch { /* as above */ }
  };

  const key = (element) => element.getAttribute("href") || element.form?.getAttribute("action") || element.textContent;

  const listen = () => {
    if (!body.dataset.stream || !window.EventSource) return;
    let address = body.dataset.stream, seen = null, wait = 1000, offline;
    const connect = () => {
      const stream = new EventSource(seen === null ? address : address.replace(/after=\d+/, `after=${seen}`));
      stream.onopen = () => { wait = 1000; clearTimeout(offline); $("[data-offline]").hidden = true; };
      stream.addEventListener("fragment", (event) => {
        if (/^\d+$/.test(event.lastEventId)) seen = event.lastEventId;
        swap(JSON.parse(event.data));
      });
      // The server says so when the page is too old to be mended piece by piece, or a sign-in has ended.
      stream.addEventListener("reload", () => { if (!dialog?.open && !$("#note")?.value) location.reload(); });
      stream.onerror = () => {
        stream.close();
        offline = setTimeout(() => { $("[data-offline]").hidden = false; }, 2000);
        setTimeout(connect, wait + Math.random() * 500);
        wait = Math.min(wait * 2, 30000);
      };
    };
    connect();
  };

  $$("[data-hide]").forEach((element) => { element.hidden = true; });
  localise(document);
  tick();
  unread();
  setInterval(tick, 1000);
  listen();
})();

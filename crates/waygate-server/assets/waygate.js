// Makes the pages live and quick. Every page works without it: links lead to forms, forms are answered by pages.

const base = document.body.dataset.base ?? "";
// The sign-in page has none, and nothing of it to be made live.
const dialog = document.getElementById("dialog") ?? document.createElement("dialog");
const quick = { headers: { "X-Fragment": "1" }, credentials: "same-origin" };
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const say = (text) => { $("#said").textContent = text; };
const make = (tag, more) => Object.assign(document.createElement(tag), more);
function sheetOf(text, tag = "h2", id = "dialog-title") {
  const [sheet, title] = [make("div", { className: "sheet" }), make(tag, { id, textContent: text })];
  sheet.append(title);
  return [sheet, title];
}
const parse = (text) => new DOMParser().parseFromString(text, "text/html");

// Times in the zone of the browser, which is named.
const zone = document.body.dataset.zone;
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long", timeZone: zone });
function localTimes(within = document) {
  for (const time of $$("time[datetime]:not([data-plain])", within)) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    const words = full.format(moment);
    if (time.title) time.title = words;
    else { time.title = time.textContent; time.textContent = words; }
  }
  for (const field of $$("input[data-utc]", within)) {
    const hint = $(".faint", field.closest(".field"));
    const told = hint?.textContent ?? "";
    const tell = () => {
      const moment = new Date(`${field.value}Z`);
      if (hint) hint.textContent = Number.isNaN(moment.valueOf()) ? told : `${told} For you: ${full.format(moment)}.`;
    };
    field.addEventListener("input", tell);
    tell();
  }
}

// Regions of a page are replaced by those of a newer one. What somebody is in the middle of stays.
function busy(element) {
  return element.contains(document.activeElement) && document.activeElement !== document.body
    || $("input[name=route]:checked, [data-all]:checked", element) || $(":popover-open", element);
}
function renew(page, own = false) {
  const seen = page.body;
  document.title = page.title;
  document.body.dataset.revision = seen.dataset.revision;
  if (state === "on") show("on", `Live, r${seen.dataset.revision}`);
  for (const region of $$("[data-region]")) {
    const newer = page.getElementById(region.id);
    if (newer) renewRegion(region, newer, own);
    else if (region.id === "card") continue;
    else if (!busy(region)) region.replaceChildren();
  }
  const card = page.getElementById("card");
  if (card && !$("#card") && card.dataset.card !== dismissed) $(".body").append(adopted(card));
  for (const row of $$("[data-late]")) if (!busy(row)) row.removeAttribute("data-late");
  selection();
}
let dismissed;
const adopted = (element) => { const copy = document.importNode(element, true); localTimes(copy); return copy; };
function renewRegion(region, newer, own) {
  const known = new Set($$("[data-key]", region).map((row) => row.dataset.key));
  const fresh = own ? 0 : $$("[data-key]", newer).filter((row) => !known.has(row.dataset.key)).length;
  const held = $(`[data-pause="${region.id}"][aria-pressed=true]`);
  if (held && !own) { held.textContent = fresh ? `${fresh} new: show` : "Go on"; return; }
  // What is new in a log would move what somebody reads.
  const behind = $(`[data-behind="${region.id}"]`);
  if (behind) {
    behind.hidden = !fresh;
    behind.textContent = `${fresh}${fresh > 49 ? "+" : ""} new ${fresh > 1 ? "entries" : "entry"}`;
  }
  if (region.isEqualNode(newer)) return;
  if (own || !(behind && fresh) && !busy(region)) { replace(region, adopted(newer)); return; }
  const rows = new Map($$("[data-key]", newer).map((row) => [row.dataset.key, row]));
  for (const row of $$("[data-key]", region)) {
    const fresh = rows.get(row.dataset.key);
    if (!fresh || fresh.dataset.revision === row.dataset.revision) continue;
    if (!busy(row)) { replace(row, adopted(fresh)); continue; }
    row.classList.add("marked");
    row.dataset.late = "";
    const again = () => setTimeout(() => { if (!busy(row)) row.replaceWith(adopted(fresh)); else row.addEventListener("focusout", again, { once: true }); });
    row.addEventListener("focusout", again, { once: true });
  }
}
// What was unfolded stays so, and what was scrolled stays where it was.
function replace(region, fresh) {
  for (const fold of $$("details[data-open]", region)) {
    const same = $(`details[data-open="${fold.dataset.open}"]`, fresh);
    if (same) same.open = fold.open;
  }
  const offsets = $$(".scroll", region).map((box) => [box.scrollLeft, box.scrollTop]);
  region.replaceWith(fresh);
  $$(".scroll", fresh).forEach((box, index) => box.scrollTo(...(offsets[index] ?? [0, 0])));
}
for (const button of $$("[data-pause]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const goesOn = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", !goesOn);
    button.textContent = goesOn ? "Pause" : "Go on";
    if (goesOn) refresh();
  });
}
for (const button of $$("[data-behind]")) {
  button.addEventListener("click", async () => {
    await refresh(true);
    $("a", document.getElementById(button.dataset.behind))?.focus();
  });
}
let fetching, again, wanted;
async function refresh(own = false) {
  if (fetching) {
    if (own) return again ??= fetching.then(() => { again = null; return refresh(true); });
    wanted = true;
    return;
  }
  fetching = (async () => {
    try {
      const url = new URL(location);
      const card = $("#card");
      if (card) url.searchParams.set("done", card.dataset.card);
      const response = await fetch(url, quick);
      if (response.status === 401) return ended();
      if (response.ok) renew(parse(await response.text()), own);
    } catch { /* the connection tells */ }
  })();
  await fetching;
  fetching = null;
  if (wanted) { setTimeout(refresh, 250); wanted = false; }
}

// One connection for all tabs: the tab with the lock listens and tells the others.
const told = "BroadcastChannel" in window ? new BroadcastChannel(`waygate ${base}`) : null;
let last = 0;
let state = "off";
function show(next, words) {
  state = next;
  const live = $("#live");
  live.dataset.live = next;
  $("[data-words]", live).textContent = words;
  $("#stale").hidden = next !== "off";
}
function heard(message) {
  last = Date.now();
  if (message.bye) { show("wait", "Reconnecting…"); return; }
  if (state !== "on" || message.revision) show("on", `Live, r${message.revision ?? document.body.dataset.revision}`);
  if (message.revision && String(message.revision) !== document.body.dataset.revision) refresh();
  else if (!document.hidden && (message.fleet && $("[data-fleet]") || message.traffic && $("[data-traffic]"))) refresh();
}
function tell(message) { told?.postMessage(message); heard(message); }
function listen() {
  return new Promise((closed) => {
    const source = new EventSource(`${base}/ui/events`);
    source.addEventListener("revision", (event) => tell({ revision: JSON.parse(event.data).revision }));
    source.addEventListener("fleet", () => tell({ fleet: true }));
    source.addEventListener("traffic", () => tell({ traffic: true }));
    source.addEventListener("heartbeat", () => tell({ fleet: true }));
    source.addEventListener("bye", () => tell({ bye: true }));
    source.addEventListener("error", () => {
      if (state === "on") tell({ bye: true });
      if (source.readyState === EventSource.CLOSED) setTimeout(closed, 3000);
    });
  });
}
async function lead() { for (;;) await listen(); }
if (told) told.addEventListener("message", (event) => heard(event.data));
if (!dialog.isConnected) told?.close(); else if (navigator.locks) navigator.locks.request(`waygate ${base}`, lead); else lead();
setInterval(() => {
  if (last && Date.now() - last > 35000) show("off", "Offline: what you see may be old");
}, 5000);
document.addEventListener("visibilitychange", () => { if (!document.hidden && state === "on") refresh(); });

// Links to forms open a dialog, and the form is sent from there.
let opener = null;
function opened(page, from) {
  const sheet = $("[data-sheet]", page);
  if (!sheet) return false;
  opener = from ?? opener;
  dialog.dataset.from = page.URL;
  dialog.replaceChildren(adopted(sheet));
  if (!dialog.open) dialog.showModal();
  ($("[aria-invalid=true], #preview", dialog) ?? $("[autofocus]", dialog) ?? $("input:not([type=hidden]), select, textarea, button", dialog))?.focus();
  return true;
}
async function open(href, from) {
  try {
    const response = await fetch(href, quick);
    if (response.status === 401) return ended(() => open(href, from));
    if ([414, 431].includes(response.status)) return trouble("These names are too long to be taken together: select fewer, or all that fit.");
    if (!opened(parse(await response.text()), from)) location.assign(href);
  } catch { trouble(); }
}
// Tells in the open dialog, or in one of its own, what has not worked; what was typed stays.
function trouble(text = "The control plane cannot be reached. Try again when it is back.") {
  const note = make("p", { className: "error", role: "alert", textContent: text });
  const sheet = $(".sheet", dialog);
  if (dialog.open && sheet) { $(".error[role=alert]", sheet)?.remove(); sheet.prepend(note); return; }
  const alone = make("div", { className: "sheet" });
  const close = make("button", { textContent: "Close" });
  close.dataset.close = "";
  alone.append(note, close);
  dialog.replaceChildren(alone);
  dialog.showModal();
}
async function send(form, submitter) {
  const action = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  const body = new URLSearchParams(new FormData(form, submitter));
  const buttons = $$("button", form);
  for (const button of buttons) button.disabled = true;
  try {
    const response = await fetch(action, { ...quick, method: "POST", body });
    if (response.status === 401) {
      return await ended((csrf) => {
        for (const field of $$("input[name=csrf]", form)) field.value = csrf;
        return send(form, submitter);
      });
    }
    const text = await response.text();
    const page = parse(text);
    if (!response.redirected) {
      if (opened(page)) return;
      let told;
      try { told = JSON.parse(text).error; } catch { /* no refusal of ours */ }
      trouble(`That did not work: ${told ?? `status ${response.status}`}.`);
      return;
    }
    const target = new URL(response.url);
    const row = opener?.dataset?.row;
    dialog.close();
    const number = target.searchParams.get("done");
    $("#card")?.remove();
    if (target.pathname === location.pathname) {
      renew(page, true);
      ((row && $(`[data-key="${row}"] a`)) || $("#page")).focus();
      say(number ? `Change r${number} is stored.` : "Done.");
    } else location.assign(response.url);
  } catch { trouble("No answer came. Whether it was changed is not known: look at the log before you send it again."); } finally { for (const button of buttons) button.disabled = false; }
}
dialog.addEventListener("close", () => {
  // It is told late: something else may be open by now.
  if (dialog.open) return;
  dialog.replaceChildren();
  const back = opener?.isConnected ? opener : opener?.dataset?.row && $(`[data-key="${opener.dataset.row}"] a`);
  (back || $("#page"))?.focus();
  opener = null;
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

// The session has ended: sign in over the page, and go on with what was typed.
let entry = null;
let resume = null;
async function ended(then) {
  resume = then ?? resume;
  if (entry) return;
  const page = parse(await (await fetch(`${base}/login`, quick)).text());
  const form = $("form", page);
  if (!form) return;
  entry = make("dialog", { ariaLabel: "Sign in" });
  const [sheet, title] = sheetOf("Your session has ended", "h1", "entry-title");
  sheet.append(adopted(form));
  entry.append(sheet);
  document.body.append(entry);
  entry.showModal();
  entry.addEventListener("close", () => { entry?.remove(); entry = resume = null; });
  sheet.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = new FormData(event.target);
    fields.set("next", `${base}/settings`);
    const response = await fetch(`${base}/login`, { ...quick, method: "POST", body: new URLSearchParams(fields) });
    const page = parse(await response.text());
    const csrf = $("input[name=csrf]", page)?.value;
    if (csrf === undefined || response.url.includes("/login")) {
      title.textContent = "That user name and password do not fit together";
      return;
    }
    for (const field of $$("input[name=csrf]")) field.value = csrf;
    entry.close();
    const next = resume;
    resume = null;
    if (next) await next(csrf); else refresh();
  });
}

// Selection. Rows are one stop of the tab key; arrows, j and k go from one to another.
let anchor = null;
const ticks = () => $$("input[name=route]");
function selection() {
  rove();
  const bar = $("[data-bulk-bar]");
  if (!bar) return;
  const every = $("[data-all]", bar);
  const count = every?.checked ? Number(every.dataset.all) : ticks().filter((tick) => tick.checked).length;
  bar.classList.add("bulk");
  bar.hidden = count === 0;
  $("[data-bulk-count]", bar).textContent = `${count} selected`;
  for (const tick of ticks()) tick.closest("tr")?.setAttribute("aria-selected", tick.checked || Boolean(every?.checked));
  for (const pick of $$("[data-pick]")) {
    const own = picked(pick);
    pick.checked = own.length > 0 && own.every((tick) => tick.checked);
  }
}
const picked = (pick) => $$("input[name=route]", pick.closest("thead") ? pick.closest("table") : pick.closest("tbody"));
function unpick() { for (const tick of [...ticks(), ...$$("[data-all]")]) tick.checked = false; selection(); }
function rove(to) {
  const table = $("table[data-rows]");
  if (!table) return;
  const rows = $$("tr[data-key]", table);
  const at = to ?? rows.find((row) => row.contains(document.activeElement)) ?? rows.find((row) => row.dataset.at) ?? rows[0];
  for (const row of rows) {
    if (row === at) row.dataset.at = "1"; else delete row.dataset.at;
    for (const stop of $$("a, button, input", row)) if (!stop.closest("[popover]")) stop.tabIndex = row === at ? 0 : -1;
  }
}
document.addEventListener("focusin", (event) => { const row = event.target.closest?.("table[data-rows] tr[data-key]"); if (row && !row.dataset.at) rove(row); });
document.addEventListener("click", (event) => {
  const tick = event.target.closest?.("input[name=route]");
  if (tick) {
    const all = ticks();
    if (event.shiftKey && anchor && all.includes(anchor)) {
      const [from, to] = [all.indexOf(anchor), all.indexOf(tick)].sort((a, b) => a - b);
      for (const between of all.slice(from, to + 1)) between.checked = tick.checked;
    }
    anchor = tick;
    selection();
    return;
  }
  const pick = event.target.closest?.("[data-pick]");
  if (pick) { for (const one of picked(pick)) one.checked = pick.checked; selection(); return; }
  if (event.target.closest?.("[data-all]")) { selection(); return; }
  if (event.target.closest?.("[data-unpick]")) { unpick(); return; }
  const copy = event.target.closest?.("[data-copy]");
  if (copy) {
    const shown = $("pre", copy.parentElement);
    navigator.clipboard?.writeText(shown.textContent).then(() => { copy.textContent = "Copied"; say("Copied."); }, () => getSelection().selectAllChildren(shown))
      ?? getSelection().selectAllChildren(shown);
    return;
  }
  const said = event.target.closest?.("[data-reason]");
  if (said) { const field = $("[name=reason]", said.form); field.value = said.textContent; field.focus(); return; }
  const link = event.target.closest?.("a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  if (link.matches("[data-dialog]")) {
    event.preventDefault();
    const row = link.closest("[data-key]");
    const trigger = link.closest("[popover]") ? $(`[popovertarget="${link.closest("[popover]").id}"]`) : link;
    link.closest("[popover]")?.hidePopover();
    if (row && trigger) trigger.dataset.row = row.dataset.key;
    open(link.href, trigger);
  } else if (link.matches("[data-close]") && dialog.contains(link)) {
    event.preventDefault();
    dialog.close();
  } else if (link.matches("[data-dismiss]")) {
    event.preventDefault();
    const card = $("#card");
    dismissed = card.dataset.card;
    document.cookie = `waygate_dismissed=${dismissed}; path=/; samesite=lax; max-age=3600`;
    card.remove();
    const plain = new URL(location);
    plain.searchParams.delete("done");
    plain.searchParams.delete("dismissed");
    history.replaceState(null, "", plain);
  }
});
dialog.addEventListener("click", (event) => { if (event.target.closest("button[data-close]")) dialog.close(); });
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (dialog.contains(form) && form.method === "post") {
    event.preventDefault();
    send(form, event.submitter);
  } else if (form.matches("[data-menu]")) {
    event.preventDefault();
    const trigger = $(`[popovertarget="${form.id}"]`);
    trigger.dataset.row = form.closest("[data-key]").dataset.key;
    form.hidePopover();
    open(`${form.action}?do=${event.submitter.value}`, trigger);
  } else if (form.matches("[data-bulk]")) {
    event.preventDefault();
    const query = new URLSearchParams(new FormData(form, event.submitter));
    if (query.has("all")) query.delete("route");
    open(`${form.action}?${query}`, event.submitter);
  }
});

// Filters act while one types, and stand in the address.
let pause = 0;
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-filter-text]")) return;
  clearTimeout(pause);
  pause = setTimeout(() => filter(event.target.form), 200);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-reveal]")) $("[name=password]", event.target.form).type = event.target.checked ? "text" : "password";
  const form = event.target.closest?.("[data-filter]");
  if (form && event.target.matches("select, input[type=checkbox]")) filter(form);
});
function filter(form) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) query.set(name, value);
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
  refresh(true);
}

// The palette: the results of the search page in a dialog, moved through by arrows.
async function find(text) {
  let found;
  try {
    const response = await fetch(`${base}/search?q=${encodeURIComponent(text)}`, quick);
    if (response.status === 401) return ended(() => find(text));
    found = parse(await response.text()).getElementById("found");
  } catch { if ($("#palette")) trouble(); return; }
  const list = $("#palette-found");
  if (!list || !found || $("#palette").value !== text) return;
  list.replaceChildren(...adopted(found).childNodes);
  list.dataset.of = text;
  $(".error[role=alert]", dialog)?.remove();
  for (const group of $$("section", list)) group.setAttribute("role", "group");
  for (const part of $$("ul, li, h2, p", list)) part.setAttribute("role", "none");
  $$("a", list).forEach((link, index) => {
    link.id = `found-${index}`;
    link.setAttribute("role", "option");
    link.setAttribute("aria-selected", index === 0);
  });
  $("#palette").setAttribute("aria-activedescendant", $("a", list) ? "found-0" : "");
}
function openPalette(from, text = "") {
  opener = from;
  const [sheet] = sheetOf("Search");
  const field = make("input", { id: "palette", type: "search", value: text, autocomplete: "off", placeholder: "Route, service, change, or what to do", role: "combobox", ariaExpanded: "true", ariaLabel: "Search" });
  field.setAttribute("aria-controls", "palette-found");
  const list = make("div", { id: "palette-found", className: "found", role: "listbox", ariaLabel: "Found" });
  sheet.append(field, list);
  dialog.replaceChildren(sheet);
  if (!dialog.open) dialog.showModal();
  field.focus();
  let wait = 0;
  field.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(() => find(field.value), 120); });
  field.addEventListener("keydown", async (event) => {
    const options = $$("[role=option]", list);
    const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    // A field for searching would only be emptied by it.
    if (event.key === "Escape") { event.preventDefault(); dialog.close(); } else if (step && options.length) {
      event.preventDefault();
      const next = (at + step + options.length) % options.length;
      options.forEach((option, index) => option.setAttribute("aria-selected", index === next));
      field.setAttribute("aria-activedescendant", options[next].id);
      options[next].scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      clearTimeout(wait);
      // Never what was found for another text.
      if (list.dataset.of !== field.value) await find(field.value);
      if (list.isConnected && list.dataset.of === field.value) $("[aria-selected=true]", list)?.click();
    }
  });
  if (text) find(text);
}

// Keys. Single ones can be switched off in the settings, and are off in fields.
const goes = { o: "/", r: "/routes", f: "/fleet", t: "/traffic", l: "/limits", s: "/schedule", a: "/audit" };
const acts = { d: "disable", e: "enable", m: "maintenance", s: "schedule", l: "edit" };
const help = [["j, k", "next, previous route"], ["Enter", "open it"], ["x, J, K", "select it, and the next or previous"], ["d, e, m, s, l", "disable, enable, maintenance, schedule, limit"],
  ["u", "undo your last change"], ["/", "filter"], ["Ctrl K", "search"], ["g, then o r f t l s a", "go to a page"], ["?", "this list"], ["Esc", "close"]];
let chord = 0;
const rows = () => $$("tr[data-key]");
const current = () => document.activeElement?.closest?.("tr[data-key]");
function step(by, same = false) {
  const all = rows();
  const nth = same && current() ? $$("a, button, input", current()).indexOf(document.activeElement) : -1;
  const at = all.indexOf(current());
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
  if (next) ($$("a, button, input", next)[nth] ?? $("a", next))?.focus();
}
function showHelp() {
  const [sheet] = sheetOf("Keys");
  const list = make("dl", { className: "keys" });
  for (const [key, words] of help) {
    const name = make("dt");
    name.append(make("kbd", { textContent: key }));
    list.append(name, make("dd", { textContent: words }));
  }
  const close = make("button", { textContent: "Close", type: "button" });
  close.dataset.close = "";
  sheet.append(list, close);
  opener = document.activeElement;
  dialog.replaceChildren(sheet);
  dialog.showModal();
  close.focus();
}
document.addEventListener("keydown", (event) => {
  if (!dialog.isConnected) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); openPalette(document.activeElement); return; }
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && dialog.open) { $("[data-submit]", dialog)?.click(); return; }
  const field = event.target.closest?.("input:not([type=checkbox]), textarea, select");
  if (field || dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!document.body.dataset.keys && !event.key.startsWith("Arrow") && event.key !== "Escape") return;
  const now = Date.now();
  if (chord && now - chord < 1500 && goes[event.key]) { chord = 0; location.assign(base + goes[event.key]); return; }
  chord = event.key === "g" ? now : 0;
  const row = current();
  switch (event.key) {
    case "j": step(1); break;
    case "k": step(-1); break;
    case "J": case "K": {
      const tick = row && $("input[name=route]", row);
      if (tick) tick.checked = true;
      step(event.key === "J" ? 1 : -1);
      const next = current() && $("input[name=route]", current());
      if (next) next.checked = true;
      selection();
      break;
    }
    case "ArrowDown": case "ArrowUp": if (row?.closest("[data-rows]")) { event.preventDefault(); step(event.key === "ArrowDown" ? 1 : -1, true); } break;
    case "u": { const undo = $("#card a[href$='/undo']"); if (undo) open(undo.href, undo); break; }
    case "x": if (row) $("input[name=route]", row)?.click(); break;
    case "/": event.preventDefault(); ($("[data-filter-text]") ?? $("#search"))?.focus(); break;
    case "?": showHelp(); break;
    case "Escape": unpick(); break;
    default:
      if (row && acts[event.key]) {
        const link = $(`a[href*="/${acts[event.key]}"], button[value="${acts[event.key]}"]`, row);
        if (link) { event.preventDefault(); const trigger = $("a", row); trigger.dataset.row = row.dataset.key; open(link.href ?? `${link.form.action}?do=${link.value}`, trigger); }
      }
  }
});
$("[data-palette]")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.value) { event.preventDefault(); openPalette(event.target, event.target.value); }
});

localTimes();
selection();

// Keeps a page fresh where script runs; every page is complete without it.
//
// The server says "changed" by server-sent events and sends no content that way: the page asks for
// itself again and swaps its regions, so that there is one way only to make a page. A region the
// reader is busy in is left alone. What changed in words is announced politely, once.
"use strict";

(() => {
  const main = document.querySelector("[data-live]");
  if (!main || !window.EventSource) return;

  const SETTLE_MS = 1000; // several changes in a second make one refresh
  const AGES_MS = 30000; // ages in words move although nothing happened
  const announcer = document.getElementById("announcer");
  let timer = 0;
  let busy = false;
  let again = false;

  const busyIn = (region) =>
    region.contains(document.activeElement) &&
    document.activeElement.matches("input, select, textarea, button, summary");

  const announce = () => {
    const said = document.querySelector("[data-announce]");
    const text = said ? said.textContent.trim().replace(/\s+/g, " ") : "";
    if (announcer && text && text !== announcer.dataset.last) {
      if (announcer.dataset.last !== undefined) announcer.textContent = text;
      announcer.dataset.last = text;
    }
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.title = fresh.title;
      for (const region of document.querySelectorAll("[data-region]")) {
        const next = fresh.getElementById(region.id);
        if (next && !busyIn(region) && next.outerHTML !== region.outerHTML) {
          region.replaceWith(document.adoptNode(next));
        }
      }
      announce();
    } catch {
      // The next event or the next half minute tries again; the page says when it was made.
    } finally {
      busy = false;
      if (again) { again = false; soon(); }
    }
  };

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, SETTLE_MS);
  };

  announce();
  const events = new EventSource(main.dataset.live);
  events.addEventListener("changed", soon);
  setInterval(() => { if (!document.hidden) refresh(); }, AGES_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
})();

// Enhances pages that work without it: copying, hiding revealed values, closing the menu, keeping pages up to date.
"use strict";

(() => {
  const announce = (text) => {
    const status = document.getElementById("announcement");
    if (status) status.textContent = text;
  };

  // Copy buttons are hidden without this script.
  const showCopyButtons = (root) => {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
  };

  const copy = async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      announce(document.body.dataset.copied);
      button.classList.add("copied");
    } catch {
      // Without the permission, the text can still be selected.
      getSelection().selectAllChildren(code);
    }
  };

  // Revealed values disappear after a while, and before the page goes into the back/forward cache.
  const hideRevealed = (root) => {
    for (const element of root.querySelectorAll("[data-hide-after]")) {
      const hide = () => element.remove();
      setTimeout(hide, Number(element.dataset.hideAfter) * 1000);
      addEventListener("pagehide", hide, { once: true });
    }
  };

  // `?lang` and `?theme` are kept in cookies; they need not stay in the address.
  const tidyAddress = () => {
    const address = new URL(location.href);
    const before = address.search;
    for (const name of ["lang", "theme"]) address.searchParams.delete(name);
    if (address.search !== before) history.replaceState(null, "", address);
  };

  const closeMenus = (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (event.type === "keydown" ? event.key === "Escape" : !menu.contains(event.target)) {
        const hadFocus = menu.contains(document.activeElement);
        menu.open = false;
        if (hadFocus) menu.querySelector("summary").focus();
      }
    }
  };

  // What a node stands for. A node never becomes that of another object, lest a click that comes late hits that one.
  const keyOf = (node) => {
    if (node.nodeType !== Node.ELEMENT_NODE) return "";
    const link = node.matches("tr, li") ? node.querySelector("a, time") : node;
    const attributes = ["href", "action", "datetime"];
    return node.id || attributes.map((name) => link?.getAttribute(name)).find(Boolean) || "";
  };

  const isSame = (a, b) => a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

  // Whether an open `<details>` and the like stays as the user left it.
  const isOfUser = (element, name) => name === "open" && element.nodeName === "DETAILS";

  // Makes `from` like `to`. Nodes that stay keep focus, scroll position and what is filled in: values that the user has
  // changed do not follow the attributes that are set here.
  const morph = (from, to) => {
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !isOfUser(from, name)) from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value && !isOfUser(from, name)) from.setAttribute(name, value);
    }
    let at = from.firstChild;
    for (const wanted of [...to.childNodes]) {
      let found = at;
      while (found && !isSame(found, wanted)) found = keyOf(wanted) ? found.nextSibling : null;
      if (!found) {
        from.insertBefore(document.importNode(wanted, true), at);
        continue;
      }
      // Moving nodes would take the focus from them; those before are gone, or come again later.
      while (at !== found) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
      }
      at = found.nextSibling;
      morph(found, wanted);
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };

  // The state of each object on the page, by its name.
  const statesOf = (main) => {
    const states = new Map();
    for (const line of main.querySelectorAll("[data-state]")) {
      states.set(main.querySelector("h1").textContent, line.dataset.state);
    }
    for (const row of main.querySelectorAll("tr:has(.state)")) {
      states.set(row.querySelector("th")?.textContent, row.querySelector(".state").textContent);
    }
    return states;
  };

  const announceStates = (before, after) => {
    const changed = [...after].filter(([name, state]) => before.has(name) && before.get(name) !== state);
    if (changed.length) announce(changed.slice(0, 3).map((change) => change.join(": ")).join("; "));
  };

  // The server says when the page has changed; the page fetches itself again.
  const keepUpToDate = (main) => {
    const stale = document.getElementById("stale");
    let source = null;
    let timer = 0;
    let failures = 0;
    let reopening = 0;
    let queue = Promise.resolve();

    const refresh = async () => {
      let text;
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        // The session has ended.
        if (answer.redirected || answer.status === 401) return location.reload();
        if (answer.status >= 500 || answer.status === 429) throw answer.status;
        text = await answer.text();
      } catch {
        stale.hidden = false;
        return schedule(5000);
      }
      const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("main");
      const before = statesOf(main);
      showCopyButtons(fresh);
      morph(main, fresh);
      stale.hidden = true;
      announceStates(before, statesOf(main));
    };

    const schedule = (delay) => {
      if (timer || document.hidden) return;
      timer = setTimeout(() => {
        timer = 0;
        // One after the other: an older answer must not replace a newer one.
        queue = queue.then(refresh);
      }, delay);
    };

    const open = () => {
      source?.close();
      source = null;
      clearTimeout(reopening);
      if (document.hidden) return;
      const stream = new EventSource(`/events?view=${encodeURIComponent(location.pathname)}`);
      source = stream;
      stream.addEventListener("changed", () => schedule(250));
      stream.addEventListener("open", () => {
        failures = 0;
        // What changed while there was no stream is seen, too.
        schedule(250);
      });
      stream.addEventListener("error", () => {
        failures += 1;
        const isOver = stream.readyState === EventSource.CLOSED;
        // Streams end after some minutes. If the next one fails as well, the page says so, or asks for a login.
        if (isOver || failures > 1) schedule(250);
        // The browser tries again by itself, but not after an answer that is no stream, such as a failure.
        if (isOver) reopening = setTimeout(open, Math.min(300, 5 * 2 ** (failures - 1)) * 1000);
      });
    };

    document.addEventListener("visibilitychange", open);
    addEventListener("pagehide", () => source?.close());
    addEventListener("pageshow", (event) => event.persisted && open());
    open();
  };

  showCopyButtons(document);
  hideRevealed(document);
  tidyAddress();
  document.addEventListener("click", copy);
  document.addEventListener("click", closeMenus);
  document.addEventListener("keydown", closeMenus);
  const main = document.querySelector("main[data-live]");
  if (main && "EventSource" in window) keepUpToDate(main);
})();

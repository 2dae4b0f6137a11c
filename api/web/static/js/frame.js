// What surrounds every page: the mark, the navigation, who is signed in, whether it is live.

import { Problem } from "./api.js";
import { h, show } from "./dom.js";
import { bell, icon } from "./icons.js";
import * as live from "./live.js";
import { PAGES } from "./pages.js";
import { go } from "./router.js";
import { leave, may, whoami } from "./session.js";
import { toast } from "./toasts.js";
import { sentence } from "./words.js";

const LIVE_WORDS = /** @type {Record<string, string>} */ ({
  live: "Live",
  polling: "Reconnecting",
  off: "Not live",
});

/** Draw the frame for who is signed in. @param {Element} place @param {string} path */
export function drawFrame(place, path) {
  const me = whoami();
  const shown = PAGES.filter((page) => page.nav && (!page.right || may(page.right)));
  show(
    place,
    h(
      "header",
      { class: "top" },
      h("a", { class: "brand", href: "/" }, bell(), h("span", null, "FirstBell")),
      me &&
        h(
          "nav",
          { "aria-label": "Pages" },
          shown.map((page) =>
            h(
              "a",
              { href: page.path, "aria-current": page.path === path ? "page" : null },
              page.nav,
            ),
          ),
        ),
      me && h("div", { class: "top-end" }, liveMark(), meMenu(me)),
    ),
  );
}

function liveMark() {
  const mark = h("span", { class: "live" });
  live.watch((state) => {
    mark.dataset.state = state;
    show(mark, h("span", { class: "dot" }), LIVE_WORDS[state]);
  });
  return mark;
}

/** @param {import("./session.js").Me} me */
function meMenu(me) {
  const where = me.schools
    ? me.schools.map((school) => school.code).join(", ")
    : (me.network?.name ?? "Every network");
  const menu = h(
    "details",
    { class: "menu" },
    h("summary", null, icon("person"), h("span", { class: "menu-name" }, me.name), icon("down")),
    h(
      "div",
      { class: "menu-box" },
      h(
        "p",
        null,
        h("b", null, me.name),
        h("br"),
        h("span", { class: "fine" }, `${sentence(me.role)}, ${where}`),
      ),
      h("a", { href: "/docs" }, "API documentation"),
      h("button", { type: "button", class: "button", onclick: signOut }, "Sign out"),
    ),
  );
  menu.addEventListener("keydown", (event) => {
    if (/** @type {KeyboardEvent} */ (event).key !== "Escape" || !menu.hasAttribute("open")) return;
    menu.removeAttribute("open");
    menu.querySelector("summary")?.focus();
  });
  menu.addEventListener("focusout", (event) => {
    const to = /** @type {FocusEvent} */ (event).relatedTarget;
    if (to instanceof Node && !menu.contains(to)) menu.removeAttribute("open");
  });
  return menu;
}

async function signOut() {
  try {
    await leave();
    live.disconnect();
    await go("/sign-in");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    toast(error.message, { bad: true });
  }
}

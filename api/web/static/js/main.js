// Starts the pages: signs in where needed, shows the page of the address, moves the focus there.

import { isAbort, onSignedOut } from "./api.js";
import { h, show } from "./dom.js";
import { drawFrame } from "./frame.js";
import * as live from "./live.js";
import { PAGES } from "./pages.js";
import { problemBox } from "./problems.js";
import { go, match, start } from "./router.js";
import { become, recall, whoami } from "./session.js";

const frame = /** @type {HTMLElement} */ (document.getElementById("frame"));
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
let leaving = new AbortController();
/** @type {import("./router.js").View|null} */
let present = null;
/** @type {import("./router.js").Page|null} */
let presentPage = null;
let presentPath = "";
let asked = false;

/** @param {boolean} first whether the browser itself has just come here */
async function render(first) {
  const found = match(PAGES, location.pathname);
  const query = new URLSearchParams(location.search);
  // The same page with other filters: it knows better than to begin again.
  if (present?.renew && presentPage === found?.page && presentPath === location.pathname) {
    if (present.renew(query)) return;
  }
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  present = null;
  presentPage = found?.page ?? null;
  presentPath = location.pathname;
  try {
    if (!asked && !found?.page.open) await recall();
    asked = asked || !found?.page.open;
    if (!found?.page.open && !whoami()) {
      await toSignIn();
      return;
    }
    if (whoami()) live.connect();
    drawFrame(frame, found?.page.path ?? "");
    if (!found) {
      settle("No such page", missing(), first);
      return;
    }
    const { open } = await found.page.load();
    if (signal.aborted) return;
    present = open({ params: found.params, query, signal, rename });
    settle(found.page.title, present.node, first);
    present.shown?.();
  } catch (error) {
    if (isAbort(error) || signal.aborted) return;
    settle(
      "FirstBell",
      h(
        "div",
        { class: "page" },
        h("h1", null, "That did not work"),
        problemBox(error, { retry: () => location.reload() }),
      ),
      first,
    );
  }
}

/** @param {string} title @param {Node} node @param {boolean} first */
function settle(title, node, first) {
  rename(title);
  show(main, node);
  scrollTo(0, 0);
  // On arrival the browser's own start of the page is right; later the reader has to be taken along.
  if (first) return;
  const heading = main.querySelector("h1");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** @param {string} title */
function rename(title) {
  document.title = title === "FirstBell" ? title : `${title} · FirstBell`;
}

function missing() {
  return h(
    "div",
    { class: "page" },
    h("h1", null, "There is no such page"),
    h("p", null, "The address may be mistyped, or the page has moved."),
    h("p", null, h("a", { href: "/" }, "Go to the board")),
  );
}

async function toSignIn() {
  const here = location.pathname + location.search;
  const next = here === "/" ? "" : `?next=${encodeURIComponent(here)}`;
  await go(`/sign-in${next}`, { replace: true });
}

onSignedOut(() => {
  become(null);
  live.disconnect();
  if (location.pathname !== "/sign-in") void toSignIn();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  if (target instanceof HTMLElement && target.closest("input, textarea, select, dialog")) return;
  const search = document.querySelector("input[type=search]");
  if (!(search instanceof HTMLInputElement)) return;
  event.preventDefault();
  search.focus();
  search.select();
});

void start(render);

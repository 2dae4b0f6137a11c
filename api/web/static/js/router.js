// Which page an address means, and how to get from one to the next without losing the reader.

/**
 * @typedef {{path: string, title: string, nav?: string, right?: string, open?: boolean,
 *   load: () => Promise<{open: (context: Context) => View}>}} Page
 * @typedef {{params: Record<string, string>, query: URLSearchParams, signal: AbortSignal,
 *   rename: (title: string) => void}} Context
 * @typedef {{node: Node, shown?: () => void, renew?: (query: URLSearchParams) => boolean}} View
 */

/**
 * @param {readonly Page[]} pages @param {string} pathname
 * @returns {{page: Page, params: Record<string, string>}|null}
 */
export function match(pages, pathname) {
  const given = pathname.split("/").filter(Boolean);
  for (const page of pages) {
    const wanted = page.path.split("/").filter(Boolean);
    if (wanted.length !== given.length) continue;
    /** @type {Record<string, string>} */
    const params = {};
    const fits = wanted.every((part, index) => {
      if (!part.startsWith(":")) return part === given[index];
      params[part.slice(1)] = decode(given[index]);
      return true;
    });
    if (fits) return { page, params };
  }
  return null;
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @type {(first: boolean) => Promise<void>} */
let render = async () => {};
let here = "";

/** @param {(first: boolean) => Promise<void>} show shows the page of the present address */
export async function start(show) {
  render = show;
  // Browsers would restore before the page has its height; pages that scroll do it themselves.
  history.scrollRestoration = "manual";
  here = address();
  addEventListener("popstate", () => {
    // A link to a place on the same page, such as the skip link, is the browser's own business.
    if (address() === here) return;
    here = address();
    void render(false);
  });
  document.addEventListener("click", follow);
  await render(true);
}

/** @param {string} path @param {{replace?: boolean}} [options] */
export function go(path, options = {}) {
  if (options.replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  here = address();
  return render(false);
}

/** Change the address without showing another page. @param {string} path */
export function note(path) {
  history.replaceState(history.state, "", path);
  here = address();
}

function address() {
  return location.pathname + location.search;
}

/** @param {MouseEvent} event */
function follow(event) {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = /** @type {Element} */ (event.target).closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  const ours = url.origin === location.origin && !/^\/(v1|docs|openapi\.json)(\/|$)/.test(url.pathname);
  if (!ours || (url.hash && url.pathname === location.pathname)) return;
  event.preventDefault();
  void go(url.pathname + url.search);
}

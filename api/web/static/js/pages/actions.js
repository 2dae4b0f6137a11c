// What to do next across all schools, soonest first.

import { isAbort, read } from "../api.js";
import { day, localToday, plural, short, withoutYears } from "../dates.js";
import { h, show } from "../dom.js";
import { onChange, soon } from "../live.js";
import { problemBox } from "../problems.js";
import { note } from "../router.js";

const LIMIT = 500;
const QUIET = 3000;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ query, signal }) {
  const trouble = h("div", null);
  const list = h("div", null, h("p", { role: "status" }, "Reading what comes next."));
  const said = h("p", { class: "fine result", role: "status" });
  const search = /** @type {HTMLInputElement} */ (
    h(
      "input",
      {
        type: "search",
        id: "action-search",
        value: query.get("q") ?? "",
        placeholder: "School, task or owner",
        autocomplete: "off",
        oninput: () => draw(),
      },
    )
  );
  /** @type {any[]} */
  let items = [];
  const draw = () => {
    note(search.value ? `/actions?q=${encodeURIComponent(search.value)}` : "/actions");
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = items.filter(
      (one) => terms.every(
        (term) => [
          one.title,
          one.school.name,
          one.school.code,
          one.owner_email ?? "nobody",
          one.why,
        ].join(" ").toLowerCase().includes(term),
      ),
    );
    said.textContent = items.length === LIMIT ? `The ${LIMIT} most urgent; ${plural(fits.length, "match", "matches")}` : plural(fits.length, "action");
    show(
      list,
      fits.length ? groups(fits) : h(
        "p",
        { class: "empty" },
        items.length ? "Nothing matches." : "Nothing to do: no open task leads to a gate.",
      ),
    );
  };
  const refresh = async () => {
    try {
      items = (await read(`/v1/actions?limit=${LIMIT}`, signal)).items;
      show(trouble);
      draw();
    } catch (error) {
      if (!isAbort(error)) show(trouble, problemBox(error, { retry: refresh }));
    }
  };
  onChange(soon(refresh, QUIET, signal), signal);
  void refresh();
  return {
    node: h(
      "div",
      { class: "page" },
      h("h1", null, "Next actions"),
      h("p", { class: "lead" }, "The last day to start each task without making its school late."),
      h(
        "div",
        { class: "controls" },
        h("div", { class: "control wide" }, h("label", { for: "action-search" }, "Search"), search),
      ),
      said,
      trouble,
      list,
    ),
  };
}

/** @param {any[]} items in the service's order: soonest first */
function groups(items) {
  const today = localToday();
  /** @type {[string, (at: number|null) => boolean][]} */
  const kinds = [
    ["Overdue", (at) => at !== null && at < today],
    ["Within seven days", (at) => at !== null && at >= today && at <= today + 7],
    ["Later", (at) => at !== null && at > today + 7],
    ["Without a date", (at) => at === null],
  ];
  return kinds.map(([title, fits]) => {
    const some = items.filter((one) => fits(day(one.do_by)));
    if (!some.length) return null;
    return h(
      "section",
      { class: "panel" },
      h("h2", null, title, h("span", { class: "count-mark num" }, some.length)),
      h("ol", { class: "actions" }, some.map((one) => actionOf(one, title === "Overdue"))),
    );
  });
}

/** @param {any} action @param {boolean} overdue */
function actionOf(action, overdue) {
  const school = `/schools/${encodeURIComponent(action.school.code)}`;
  return h(
    "li",
    null,
    h(
      "span",
      { class: overdue ? "num when is-late" : "num when" },
      short(action.do_by, { weekday: true }) || "No date",
    ),
    h(
      "div",
      null,
      h("a", { class: "quiet", href: `${school}?task=${action.task_id}` }, action.title),
      h("p", { class: "fine" }, withoutYears(action.why)),
    ),
    h("a", { href: school }, action.school.name),
    h(
      "span",
      { class: action.owner_email ? "fine" : "fine nobody" },
      action.owner_email ?? "No owner",
    ),
  );
}

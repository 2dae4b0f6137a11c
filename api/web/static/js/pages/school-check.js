// One check at one school: where it stands and why, what was measured over time, what to do.

import { Problem, call, isAbort, read } from "../api.js";
import { actsOf } from "../checks/acts.js";
import { chartOf, tableOfResults } from "../checks/results.js";
import { addressOf, amount, standingBadge } from "../checks/words.js";
import { moment, short } from "../dates.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { onChange, soon } from "../live.js";
import { busyButton } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { keepFocus } from "../school/buttons.js";

const QUIET = 1500;
const FEW = 50;
const MOST = 1000;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ params, signal, rename }) {
  const node = h(
    "div",
    { class: "page checks-page" },
    h("h1", null, "Check"),
    h("p", { role: "status" }, "Reading the check."),
  );
  const school = `/v1/schools/${encodeURIComponent(params.school)}`;
  const path = `${school}/checks/${encodeURIComponent(params.check)}`;
  let limit = FEW;
  let reading = 0;
  const refresh = async () => {
    reading += 1;
    const mine = reading;
    try {
      const [place, one, results] = await Promise.all([
        read(school, signal),
        read(path, signal),
        call("GET", `${path}/results?limit=${limit}`, { signal }),
      ]);
      const check = await read(`/v1/checks/${one.check_id}`, signal);
      if (mine !== reading) return;
      rename(`${one.title}, ${place.name}`);
      const more = results.next && (() => {
        limit = MOST;
        return refresh();
      });
      keepFocus(node, () =>
        show(node, headOf(place, one), ...partsOf(place, one, check, results.data.items, more, refresh)),
      );
    } catch (error) {
      if (isAbort(error) || mine !== reading) return;
      const gone = error instanceof Problem && error.status === 404;
      show(
        node,
        h("h1", null, gone ? "There is no such check at this school" : "The check could not be read"),
        problemBox(error, gone ? {} : { retry: refresh }),
        h("p", null, h("a", { href: "/checks" }, "Go to the checks")),
      );
    }
  };
  onChange(soon(refresh, QUIET, signal), signal);
  void refresh();
  return { node };
}

/** @param {any} school @param {any} one */
function headOf(school, one) {
  return h(
    "div",
    { class: "order-head" },
    h(
      "p",
      { class: "crumbs" },
      h("a", { href: addressOf(school.code) }, icon("back"), `Checks of ${school.name}`),
    ),
    h(
      "div",
      { class: "school-title" },
      h("h1", null, one.title),
      standingBadge(one),
      one.severity === "warning" && h("span", { class: "tag" }, "Warning"),
      one.waived && h("span", { class: "tag" }, "Waived"),
    ),
    h("p", { class: "why" }, `${one.why}.`),
  );
}

/**
 * @param {any} school @param {any} one @param {any} check @param {any[]} results
 * @param {(() => Promise<void>)|null|""} more reads the older results too
 * @param {() => Promise<void>} changed
 */
function partsOf(school, one, check, results, more, changed) {
  const trouble = h("div", null);
  return [
    h(
      "div",
      { class: "acts" },
      actsOf(school.code, one).map((act) =>
        busyButton(
          act.label,
          async () => {
            if (await act.run()) await changed();
          },
          trouble,
          { primary: act.primary, key: act.key },
        ),
      ),
    ),
    trouble,
    factsOf(one, check),
    mayCarryMore(one, results[0]) &&
      h(
        "p",
        { class: "notice" },
        "The newest result is a lower bound: over one connection, or to one server, a line may carry more. Measure with several, such as iperf3 -P 8, before anybody buys.",
      ),
    h(
      "section",
      { class: "panel", "aria-label": "Over time" },
      h("h2", null, "Over time"),
      results.length
        ? [chartOf(results, one.needed), tableOfResults(results)]
        : h("p", { class: "fine" }, "Nothing was measured yet."),
      more && busyButton("Show more", more, trouble),
    ),
    h(
      "section",
      { class: "panel", "aria-label": "How to measure" },
      h("h2", null, "How to measure"),
      h("p", { class: "description" }, check.method),
      h("p", { class: "fine description" }, `Source: ${check.source}. Version ${check.version}.`),
    ),
  ];
}

/** @param {any} one @param {any} newest result */
function mayCarryMore(one, newest) {
  return one.outcome === "failed" && newest?.evidence.lower_bound === true;
}

/** @param {any} one @param {any} check */
function factsOf(one, check) {
  const fresh = check.freshness_days === null ? "for good" : `${check.freshness_days} days`;
  /** @type {[string, import("../dom.js").Child][]} */
  const facts = [
    ["Measured", amount(one.value, one.unit)],
    [`Asked (${one.comparator})`, amount(one.needed, one.unit)],
    ["On", one.measured_at ? moment(one.measured_at) : "–"],
    ["Holds until", one.valid_until ? moment(one.valid_until) : "–"],
    ["A result holds", fresh],
  ];
  if (one.retest) {
    const who = one.retest.owner_email ? `, ${one.retest.owner_email}` : "";
    facts.push(["Re-test", `${short(one.retest.scheduled_on)}${who}`]);
  }
  if (one.exemption) facts.push(["Not applicable", one.exemption.reason]);
  return h(
    "dl",
    { class: "facts" },
    facts.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", { class: "num" }, value))),
  );
}

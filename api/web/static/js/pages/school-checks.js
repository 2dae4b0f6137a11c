// Everything that is asked of one school: the open first, why, and what to do about it.

import { Problem, isAbort, read } from "../api.js";
import { premisesPanel } from "../checks/premises.js";
import { probePanel } from "../checks/probe.js";
import { addressOf, amount, standingBadge, standingRank } from "../checks/words.js";
import { moment, plural, short } from "../dates.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { onChange, soon } from "../live.js";
import { tableOf } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { keepFocus } from "../school/buttons.js";

const QUIET = 1500;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ params, signal, rename }) {
  const node = h(
    "div",
    { class: "page checks-page" },
    h("h1", null, "Checks"),
    h("p", { role: "status" }, "Reading the checks."),
  );
  const path = `/v1/schools/${encodeURIComponent(params.school)}`;
  const refresh = async () => {
    try {
      const [school, checks, premises, runs] = await Promise.all([
        read(path, signal),
        read(`${path}/checks`, signal),
        read(`${path}/premises`, signal),
        read(`${path}/probe-reports?limit=1`, signal),
      ]);
      rename(`Checks of ${school.name}`);
      const building = premisesPanel(school.code, premises, refresh);
      const probe = probePanel(school.code, runs.items[0]);
      keepFocus(node, () => show(node, partsOf(school, checks.items), building, probe));
    } catch (error) {
      if (isAbort(error)) return;
      const gone = error instanceof Problem && error.status === 404;
      show(
        node,
        h("h1", null, gone ? "There is no such school" : "The checks could not be read"),
        problemBox(error, gone ? {} : { retry: refresh }),
        h("p", null, h("a", { href: "/checks" }, "Go to the checks")),
      );
    }
  };
  onChange(soon(refresh, QUIET, signal), signal);
  void refresh();
  return { node };
}

/** @param {any} school @param {any[]} checks */
function partsOf(school, checks) {
  const of = (/** @type {string[]} */ verdicts) =>
    checks
      .filter((one) => verdicts.includes(one.verdict))
      .sort((a, b) => weight(a) - weight(b) || a.title.localeCompare(b.title));
  const open = of(["failed", "stale", "inconclusive", "scheduled"]);
  const unknown = of(["not_started"]);
  const passed = of(["passed"]);
  return [
    h(
      "div",
      { class: "order-head" },
      h(
        "p",
        { class: "crumbs" },
        h("a", { href: "/checks" }, icon("back"), "Checks"),
        h("a", { href: `/schools/${encodeURIComponent(school.code)}` }, "The school's plan"),
      ),
      h("div", { class: "school-title" }, h("h1", null, school.name), h("span", { class: "code" }, school.code)),
      h("p", { class: "lead" }, summary([...open, ...unknown], passed)),
    ),
    groupOf("Open", open, school, ["Stands", "Measured", "Asked", "Holds until"]),
    groupOf("Not measured", unknown, school, []),
    groupOf("Passed", passed, school, ["Measured", "Asked", "Holds until"]),
    groupOf("Not applicable", of(["not_applicable"]), school, []),
  ];
}

/** Gates before warnings among those that stand alike. @param {any} one */
function weight(one) {
  return standingRank(one.verdict) * 2 + (one.severity === "warning" ? 1 : 0);
}

/** @param {any[]} open @param {any[]} passed */
function summary(open, passed) {
  if (!open.length) return "Everything that is asked of the building was measured and holds.";
  const gates = open.filter((one) => one.severity === "gate" && !one.waived).length;
  return `${plural(gates, "gate")} open; ${passed.length} of ${open.length + passed.length} checks hold.`;
}

/** @type {Record<string, (one: any) => import("../dom.js").Child>} */
const CELLS = {
  Stands: standingBadge,
  Measured: (one) => amount(one.value, one.unit),
  Asked: (one) => amount(one.needed, one.unit),
  "Holds until": until,
};

/** @param {string} title @param {any[]} checks @param {any} school @param {string[]} heads */
function groupOf(title, checks, school, heads) {
  if (!checks.length) return null;
  const numbers = ["Measured", "Asked"];
  const columns = ["Check", ...heads].map((head) => ({ head, number: numbers.includes(head) }));
  const cellsOf = (/** @type {any} */ one) => [
    nameOf(one, school),
    ...heads.map((head) => CELLS[head](one)),
  ];
  return h(
    "section",
    { class: "panel", "aria-label": title },
    h("h2", null, title, h("span", { class: "count-mark" }, String(checks.length))),
    tableOf(title, columns, checks.map((one) => ({ cells: cellsOf(one) }))),
  );
}

/** @param {any} one @param {any} school */
function nameOf(one, school) {
  return [
    h(
      "a",
      { class: "quiet", href: addressOf(school.code, one.check), dataset: { key: one.check } },
      one.title,
    ),
    one.severity === "warning" && h("span", { class: "tag" }, "Warning"),
    one.waived && h("span", { class: "tag" }, "Waived"),
    h("span", { class: "fine line-note" }, one.why),
  ];
}

/** @param {any} one */
function until(one) {
  if (one.retest_on) return `Re-test ${short(one.retest_on)}`;
  if (!one.valid_until) return "–";
  const day = short(one.valid_until.slice(0, 10));
  return h("span", { class: one.verdict === "stale" ? "is-late" : null, title: moment(one.valid_until) }, day);
}

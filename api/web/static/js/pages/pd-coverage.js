// How far schools are with the courses that they need: people trained, booked, and in no session.

import { call, isAbort } from "../api.js";
import { plural, short } from "../dates.js";
import { h, s, show } from "../dom.js";
import { onChange, soon } from "../live.js";
import { chooser, figure, tableOf } from "../orders/parts.js";
import { headOf, readNetworks, schoolFilter } from "../pd/pieces.js";
import { problemBox } from "../problems.js";
import { note } from "../router.js";
import { keepFocus } from "../school/buttons.js";

const PAGE = 50;
const QUIET = 3000;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ query, signal }) {
  const page = new Coverage(query, signal);
  void page.read();
  onChange(soon(() => page.read(), QUIET, signal), signal);
  return { node: page.node };
}

class Coverage {
  /** @param {URLSearchParams} query @param {AbortSignal} signal */
  constructor(query, signal) {
    this.signal = signal;
    this.filters = { network: query.get("network") ?? "", school: query.get("school") ?? "" };
    this.all = true;
    /** @type {any[]} */
    this.items = [];
    /** @type {string|null} */
    this.next = null;
    this.asked = 0;
    this.trouble = h("div", null);
    this.said = h("p", { class: "fine result", role: "status" });
    this.place = h("div", null, h("p", null, "Reading."));
    this.more = h("div", null);
    this.node = h(
      "div",
      { class: "page pd-page" },
      headOf("/pd/coverage"),
      this.controls(),
      this.said,
      this.trouble,
      this.place,
      this.more,
    );
  }

  controls() {
    const network = h("div", { class: "control" });
    void this.offerNetworks(network);
    return h(
      "div",
      { class: "controls" },
      network,
      schoolFilter("coverage-school", this.filters.school, (school) => this.narrow({ school })),
      chooser("coverage-what", "Show", [["all", "Everything"], ["open", "What is uncovered"]], "all", (value) => {
        this.all = value === "all";
        this.draw();
      }),
    );
  }

  /** @param {HTMLElement} place */
  async offerNetworks(place) {
    const codes = await readNetworks().catch(() => []);
    if (codes.length < 2) {
      place.remove();
      return;
    }
    const names = codes.map((code) => /** @type {[string, string]} */ ([code, code]));
    place.replaceWith(
      chooser("coverage-network", "Network", [["", "All"], ...names], this.filters.network, (value) =>
        this.narrow({ network: value })),
    );
  }

  /** @param {Partial<{network: string, school: string}>} changed */
  narrow(changed) {
    Object.assign(this.filters, changed);
    this.items = [];
    const query = this.query();
    note(query.size ? `/pd/coverage?${query}` : "/pd/coverage");
    void this.read();
  }

  query() {
    return new URLSearchParams(Object.entries(this.filters).filter(([, value]) => value));
  }

  read() {
    const query = this.query();
    query.set("limit", String(PAGE));
    return this.fetch(`/v1/pd/coverage?${query}`, []);
  }

  /** @param {string} path @param {any[]} before */
  async fetch(path, before) {
    this.asked += 1;
    const mine = this.asked;
    try {
      const answer = await call("GET", path, { signal: this.signal });
      if (mine !== this.asked) return;
      this.items = [...before, ...answer.data.items];
      this.next = answer.next;
      show(this.trouble);
      this.draw();
    } catch (error) {
      if (isAbort(error) || mine !== this.asked) return;
      show(this.trouble, problemBox(error, { retry: () => void this.read() }));
    }
  }

  draw() {
    const shown = this.items.filter((one) => this.all || one.people.uncovered > 0 || one.base === null);
    const open = this.items.reduce((sum, one) => sum + one.hours.uncovered, 0);
    this.said.textContent = `${plural(shown.length, "row")}; ${figure(open)} hours in no session yet`;
    keepFocus(this.place, () =>
      show(
        this.place,
        shown.length
          ? tableOfCoverage(shown)
          : h("p", { class: "empty" }, this.items.length ? "Everything is covered." : "No school needs a course yet: apply a playbook that names some."),
      ));
    const onclick = () => void this.fetch(String(this.next), this.items);
    show(this.more, this.next && h("button", { type: "button", class: "button", onclick }, "More schools"));
  }
}

/** @param {any[]} rows */
function tableOfCoverage(rows) {
  return tableOf(
    "Coverage",
    [
      { head: "School" },
      { head: "Course" },
      { head: "People" },
      { head: "Done", number: true },
      { head: "Booked", number: true },
      { head: "Uncovered", number: true },
      { head: "Hours uncovered", number: true },
      { head: "Reached" },
    ],
    rows.map((one) => ({ cells: cellsOf(one) })),
  );
}

/** @param {any} row */
function cellsOf(row) {
  const { people, hours } = row;
  return [
    h("a", { class: "quiet", href: `/schools/${encodeURIComponent(row.school)}` }, row.school),
    [
      h("a", { class: "quiet", href: `/pd?course=${encodeURIComponent(row.course)}` }, row.title),
      h("span", { class: "fine line-note" }, row.why),
    ],
    row.base === null ? h("span", { class: "fine" }, "Nobody known") : barOf(people),
    figure(people.completed),
    figure(people.booked),
    people.uncovered ? h("span", { class: "is-late" }, figure(people.uncovered)) : figure(0),
    figure(hours.uncovered),
    reachedOf(row),
  ];
}

/** @param {any} row */
function reachedOf(row) {
  if (row.base === null) return "–";
  if (row.people.completed >= row.people.needed) return h("span", { class: "badge", dataset: { verdict: "ready" } }, "Reached");
  if (row.expected_on) return h("span", { class: "num nowrap" }, short(row.expected_on));
  return h("span", { class: "fine" }, "Not with what is booked");
}

const WIDTH = 100;

/** @param {{needed: number, completed: number, booked: number}} people */
function barOf({ needed, completed, booked }) {
  const of = (/** @type {number} */ count) => (needed ? (WIDTH * Math.min(count, needed)) / needed : 0);
  return h(
    "span",
    { class: "cover" },
    s(
      "svg",
      { class: "bar", viewBox: `0 0 ${WIDTH} 6`, preserveAspectRatio: "none", "aria-hidden": "true" },
      s("rect", { class: "bar-ground", width: WIDTH, height: 6 }),
      s("rect", { class: "cover-done", width: of(completed), height: 6 }),
      s("rect", { class: "cover-booked", x: of(completed), width: of(Math.min(booked, needed - completed)), height: 6 }),
    ),
    h("span", { class: "fine num" }, `${completed + booked} of ${needed}`),
  );
}

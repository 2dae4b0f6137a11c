// Sessions of professional development, week by week.

import { isAbort, readAll } from "../api.js";
import { day, localToday, short } from "../dates.js";
import { h, show } from "../dom.js";
import { onChange, soon } from "../live.js";
import { chooser } from "../orders/parts.js";
import { newCourse } from "../pd/course-form.js";
import { headOf, plans, readCourses, schoolFilter } from "../pd/pieces.js";
import { changeRules } from "../pd/rules-form.js";
import { newSession } from "../pd/session-form.js";
import { weeksOf } from "../pd/week.js";
import { isoOf, mondayOf } from "../pd/when.js";
import { problemBox } from "../problems.js";
import { go, note } from "../router.js";
import { keepFocus } from "../school/buttons.js";
import { whoami } from "../session.js";

const WEEKS = 4;
const QUIET = 2000;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ query, signal }) {
  const page = new Calendar(query, signal);
  void page.read();
  onChange(soon(() => page.read(), QUIET, signal), signal);
  return { node: page.node };
}

class Calendar {
  /** @param {URLSearchParams} query @param {AbortSignal} signal */
  constructor(query, signal) {
    this.signal = signal;
    this.monday = mondayOf(day(query.get("from")) ?? localToday());
    this.filters = { course: query.get("course") ?? "", school: query.get("school") ?? "" };
    this.asked = 0;
    this.trouble = h("div", null);
    this.said = h("p", { class: "sr", role: "status" });
    this.span = h("b", { class: "num" });
    this.place = h("div", { class: "weeks" }, h("p", null, "Reading."));
    this.node = h(
      "div",
      { class: "page pd-page" },
      headOf("/pd", plans() && this.acts()),
      this.controls(),
      this.said,
      this.trouble,
      this.place,
    );
  }

  acts() {
    const made = async (/** @type {() => Promise<string|null>} */ ask) => {
      const id = await ask();
      if (id) await go(`/pd/sessions/${id}`);
    };
    const press = (/** @type {() => unknown} */ act) => {
      show(this.trouble);
      void Promise.resolve(act()).catch((error) => show(this.trouble, problemBox(error)));
    };
    return [
      h(
        "button",
        { type: "button", class: "button primary", onclick: () => press(() => made(newSession)) },
        "New session",
      ),
      h("button", { type: "button", class: "button", onclick: () => press(newCourse) }, "New course"),
      !whoami()?.schools &&
        h("button", { type: "button", class: "button", onclick: () => press(changeRules) }, "Rules"),
    ];
  }

  controls() {
    const course = h("div", { class: "control" });
    void this.offerCourses(course);
    const step = (/** @type {string} */ label, /** @type {() => number} */ to) =>
      h("button", { type: "button", class: "button", onclick: () => this.turn(to()) }, label);
    return h(
      "div",
      { class: "controls" },
      h(
        "div",
        { class: "pd-turn", role: "group", "aria-label": "Weeks" },
        step("Earlier", () => this.monday - 7 * WEEKS),
        step("This week", () => mondayOf(localToday())),
        step("Later", () => this.monday + 7 * WEEKS),
        this.span,
      ),
      course,
      schoolFilter("pd-school", this.filters.school, (code) => {
        this.filters.school = code;
        this.narrowed();
      }),
      h(
        "a",
        { class: "button", href: "/v1/pd/credits?format=csv", download: "pd-credits.csv" },
        "Credits as CSV",
      ),
    );
  }

  /** @param {HTMLElement} place */
  async offerCourses(place) {
    try {
      const found = await readCourses(undefined, this.signal);
      const names = new Map(found.map((one) => [one.code, one.title]));
      place.replaceWith(
        chooser("pd-course", "Course", [["", "Any"], ...names], this.filters.course, (value) => {
          this.filters.course = value;
          this.narrowed();
        }),
      );
    } catch (error) {
      if (!isAbort(error)) show(this.trouble, problemBox(error));
    }
  }

  /** @param {number} monday */
  turn(monday) {
    this.monday = monday;
    this.narrowed();
  }

  narrowed() {
    const query = new URLSearchParams(Object.entries(this.filters).filter(([, value]) => value));
    if (this.monday !== mondayOf(localToday())) query.set("from", isoOf(this.monday));
    note(query.size ? `/pd?${query}` : "/pd");
    void this.read();
  }

  async read() {
    this.asked += 1;
    const mine = this.asked;
    const query = new URLSearchParams(Object.entries(this.filters).filter(([, value]) => value));
    query.set("from", isoOf(this.monday));
    query.set("to", isoOf(this.monday + 7 * WEEKS - 1));
    query.set("sort", "starts_at");
    try {
      const sessions = await readAll(`/v1/pd/sessions?${query}`, this.signal);
      if (mine !== this.asked) return;
      show(this.trouble);
      this.draw(sessions);
    } catch (error) {
      if (isAbort(error) || mine !== this.asked) return;
      show(this.trouble, problemBox(error, { retry: () => void this.read() }));
    }
  }

  /** @param {any[]} sessions */
  draw(sessions) {
    const span = `${short(this.monday)} – ${short(this.monday + 7 * WEEKS - 1)}`;
    this.span.textContent = span;
    this.said.textContent = `${sessions.length} sessions, ${span}`;
    keepFocus(this.place, () => show(this.place, weeksOf(sessions, this.monday, WEEKS)));
  }
}

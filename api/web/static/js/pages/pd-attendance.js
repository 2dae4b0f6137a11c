// Attendance, made to be taken standing up with a tablet: one person a line, large buttons.

import { Problem, call, isAbort, readAll, send } from "../api.js";
import { plural } from "../dates.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { busyButton } from "../orders/parts.js";
import { nameOf } from "../pd/lists.js";
import { badgeOf, placeOf, stateOf } from "../pd/pieces.js";
import { walkIn } from "../pd/walk-in.js";
import { whenOf } from "../pd/when.js";
import { problemBox } from "../problems.js";
import { may } from "../session.js";
import { toast } from "../toasts.js";

const ASKED = ["registered", "offered", "attended", "no_show"];

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ params, signal, rename }) {
  const node = h("div", { class: "page attendance" }, h("h1", null, "Attendance"), h("p", { role: "status" }, "Reading."));
  const path = `/v1/pd/sessions/${encodeURIComponent(params.session)}`;
  /** @type {Roll|null} */
  let roll = null;
  // A tablet is put down and picked up: what is not saved is not left by accident.
  const hold = (/** @type {Event} */ event) => {
    if (roll?.unsaved) event.preventDefault();
  };
  addEventListener("beforeunload", hold, { signal });
  const refresh = async () => {
    try {
      const [{ data: session }, people] = await Promise.all([
        call("GET", path, { signal }),
        readAll(`${path}/registrations`, signal),
      ]);
      rename(`Attendance: ${session.title}`);
      roll = new Roll(node, path, session, people.filter((one) => ASKED.includes(one.status)), refresh);
      roll.draw();
    } catch (error) {
      if (isAbort(error)) return;
      const gone = error instanceof Problem && (error.status === 404 || error.status === 422);
      show(
        node,
        h("h1", null, gone ? "There is no such session" : "The session could not be read"),
        problemBox(error, gone ? {} : { retry: refresh }),
        h("p", null, h("a", { href: "/pd" }, "Go to the sessions")),
      );
    }
  };
  void refresh();
  return { node };
}

/** @typedef {{person: any, attended: boolean|null, hours: number, changed: boolean, node: HTMLElement}} Line */

class Roll {
  /**
   * @param {HTMLElement} node @param {string} path @param {any} session @param {any[]} people
   * @param {() => Promise<void>} refresh
   */
  constructor(node, path, session, people, refresh) {
    this.node = node;
    this.path = path;
    this.session = session;
    this.refresh = refresh;
    this.count = h("p", { class: "attendance-count num", role: "status" });
    this.trouble = h("div", null);
    const byName = (/** @type {any} */ a, /** @type {any} */ b) => sortKey(a).localeCompare(sortKey(b));
    /** @type {Line[]} */
    this.lines = [...people].sort(byName).map((person) => this.line(person));
    this.list = h("ul", { class: "roll" }, this.lines.map((one) => one.node));
  }

  get unsaved() {
    return this.lines.some((one) => one.changed);
  }

  draw() {
    const { session } = this;
    const begun = new Date(session.starts_at) <= new Date();
    const save = busyButton("Save attendance", () => this.save(), this.trouble, { primary: true, key: "save" });
    save.classList.replace("small", "large");
    show(
      this.node,
      h(
        "header",
        { class: "order-head" },
        h("p", { class: "crumbs" }, h("a", { href: `/pd/sessions/${session.id}` }, icon("back"), session.title)),
        h("div", { class: "school-title" }, h("h1", null, "Attendance"), badgeOf(stateOf(session))),
        h("p", null, `${session.title}, ${whenOf(session)}, ${placeOf(session)}`),
      ),
      begun
        ? [
            h(
              "div",
              { class: "acts" },
              h("button", { type: "button", class: "button large", onclick: () => this.everybody() }, "All others are here"),
              may("staff:read") &&
                h("button", { type: "button", class: "button large", onclick: () => void this.walkIn() }, "Add a walk-in"),
            ),
            this.lines.length ? this.list : h("p", { class: "empty" }, "Nobody is registered."),
            h("div", { class: "roll-end" }, this.count, this.trouble, save),
          ]
        : h("p", { class: "empty" }, "Attendance is taken once the session has started."),
    );
    this.tell();
  }

  /** @param {any} person @returns {Line} */
  line(person) {
    const attended = person.status === "attended" ? true : person.status === "no_show" ? false : null;
    const line = /** @type {Line} */ ({ person, attended, hours: person.hours ?? this.session.hours, changed: false });
    const name = nameOf(person);
    const hours = /** @type {HTMLInputElement} */ (
      h("input", {
        type: "number",
        min: 0.25,
        max: 24,
        step: 0.25,
        inputmode: "decimal",
        value: line.hours,
        "aria-label": `Hours of ${name}`,
        oninput: () => {
          line.hours = Number(hours.value);
          line.changed = true;
        },
      })
    );
    const choice = (/** @type {boolean} */ here, /** @type {string} */ label) =>
      h(
        "button",
        {
          type: "button",
          class: "button large choice",
          dataset: { here: here ? "yes" : "no" },
          "aria-label": `${label}: ${name}`,
          onclick: () => this.say(line, line.attended === here ? null : here),
        },
        icon(here ? "done" : "close"),
        label,
      );
    line.node = h(
      "li",
      null,
      h(
        "div",
        { class: "roll-who" },
        h("b", null, name),
        h("span", { class: "fine" }, [person.school, person.walk_in && "walk-in", person.status === "offered" && "offered a seat"].filter(Boolean).join(", ")),
      ),
      h("div", { class: "roll-choice", role: "group", "aria-label": name }, choice(true, "Here"), choice(false, "Not here")),
      h("label", { class: "roll-hours" }, hours, "h"),
    );
    this.mark(line);
    return line;
  }

  /** @param {Line} line @param {boolean|null} attended */
  say(line, attended) {
    line.attended = attended;
    line.changed = true;
    this.mark(line);
    this.tell();
  }

  /** @param {Line} line */
  mark(line) {
    const state = line.attended === null ? "open" : line.attended ? "here" : "away";
    line.node.dataset.state = state;
    for (const button of line.node.querySelectorAll(".choice")) {
      const here = button.getAttribute("data-here") === "yes";
      button.setAttribute("aria-pressed", String(line.attended === here));
    }
    const hours = /** @type {HTMLInputElement} */ (line.node.querySelector("input"));
    hours.disabled = line.attended !== true;
  }

  everybody() {
    for (const line of this.lines) if (line.attended === null) this.say(line, true);
  }

  tell() {
    const here = this.lines.filter((one) => one.attended === true).length;
    const open = this.lines.filter((one) => one.attended === null).length;
    this.count.textContent = `${here} here, ${this.lines.length - here - open} not, ${open} open`;
  }

  async save() {
    const rows = this.lines
      .filter((one) => one.changed)
      .map(({ person, attended, hours }) => ({ staff: person.staff, attended, ...(attended && { hours }) }));
    if (!rows.length) {
      toast("Nothing has changed.");
      return;
    }
    const told = await send(`${this.path}/attendance`, { rows });
    toast(told.completed ? "Saved; the session is completed." : `Saved; ${plural(told.open, "person", "people")} open.`);
    await this.refresh();
  }

  /** Only a line more: it is saved with the others, so nothing that was said is lost. */
  async walkIn() {
    const known = new Set(this.lines.map((one) => one.person.staff));
    const found = await walkIn(this.session, known);
    if (!found) return;
    const line = this.line({ ...found, staff: found.id, status: "registered", hours: null, walk_in: true });
    this.lines.push(line);
    this.list.append(line.node);
    this.say(line, true);
    if (!this.list.isConnected) this.draw();
  }
}

/** @param {any} person */
function sortKey(person) {
  return `${person.family_name ?? ""} ${person.given_name ?? ""} ${person.sourced_id}`;
}

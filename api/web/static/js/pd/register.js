// Registering people: choose them, and see who has a seat, who waits and who cannot.

import { readAll, send } from "../api.js";
import { openDialog } from "../dialogs.js";
import { plural } from "../dates.js";
import { h, show } from "../dom.js";
import { checkOf, formOf } from "../forms.js";
import { problemBox } from "../problems.js";
import { badgeOf, schoolField, warningsOf } from "./pieces.js";

/**
 * @param {any} session @param {any[]} registered those in it already
 * @returns {Promise<boolean>} whether somebody was registered
 */
export function register(session, registered) {
  return new Promise((resolve) => {
    let done = false;
    const inside = new Set(registered.filter((one) => one.status !== "cancelled").map((one) => one.staff));
    openDialog(
      `Register: ${session.title}`,
      (close) => new Choice(session, inside, close, () => (done = true)).node,
      { size: "wide", onclose: () => resolve(done) },
    );
  });
}

class Choice {
  /** @param {any} session @param {Set<string>} inside @param {() => void} close @param {() => void} done */
  constructor(session, inside, close, done) {
    this.session = session;
    this.inside = inside;
    this.close = close;
    this.done = done;
    /** @type {any[]} */
    this.people = [];
    this.asked = 0;
    this.list = h("div", { class: "people", role: "group", "aria-label": "People" });
    this.trouble = h("div", null);
    const school = schoolField({ value: session.school ?? "", help: "Whose staff to choose from." });
    school.addEventListener("change", (event) =>
      void this.read(/** @type {HTMLInputElement} */ (event.target).value.trim()));
    const free = session.capacity - session.seats_taken;
    this.node = h(
      "div",
      { class: "register" },
      h(
        "p",
        null,
        free > 0 ? `${plural(free, "seat")} free. Who comes after them waits, in this order.` : "Full: who is added now waits, in this order.",
      ),
      school,
      this.trouble,
      formOf({
        body: this.list,
        submit: "Register",
        cancel: close,
        act: (form) => this.send(form),
      }),
    );
    void this.read(session.school ?? "");
  }

  /** @param {string} school */
  async read(school) {
    this.asked += 1;
    const mine = this.asked;
    show(this.trouble);
    if (!school) {
      show(this.list, h("p", { class: "fine" }, "Type a school's code."));
      return;
    }
    show(this.list, h("p", { class: "fine" }, "Reading."));
    try {
      const people = await readAll(`/v1/staff?active=true&school=${encodeURIComponent(school)}`);
      if (mine !== this.asked) return;
      this.people = people;
      const open = people.filter((one) => !this.inside.has(one.id));
      show(
        this.list,
        open.length
          ? open.map((one) =>
              checkOf({ name: "staff", value: one.id, label: `${one.given_name} ${one.family_name}, ${one.role}` }))
          : h("p", { class: "fine" }, people.length ? "All of them are registered." : "Nobody works there yet."),
      );
    } catch (error) {
      if (mine !== this.asked) return;
      show(this.list);
      show(this.trouble, problemBox(error));
    }
  }

  /** @param {HTMLFormElement} form */
  async send(form) {
    const staff = new FormData(form).getAll("staff").map(String);
    if (!staff.length) {
      form.querySelector("input")?.focus();
      return;
    }
    const { items } = await send(`/v1/pd/sessions/${this.session.id}/registrations`, { staff });
    if (items.some((/** @type {any} */ one) => one.place)) this.done();
    const names = new Map(this.people.map((one) => [one.id, `${one.given_name} ${one.family_name}`]));
    const warnings = items.flatMap((/** @type {any} */ one) => one.place?.warnings ?? []);
    show(
      this.node,
      h(
        "ul",
        { class: "outcomes", role: "status" },
        items.map((/** @type {any} */ one) =>
          h("li", null, h("b", null, names.get(one.staff) ?? "Somebody"), outcomeOf(one))),
      ),
      warningsOf(warnings),
      h(
        "div",
        { class: "form-end" },
        h("button", { type: "button", class: "button primary", onclick: this.close }, "Done"),
      ),
    );
    this.node.querySelector("button")?.focus();
  }
}

/** @param {any} row */
function outcomeOf(row) {
  if (!row.place) return h("span", { class: "is-late" }, row.detail);
  const { status, position } = row.place;
  return badgeOf(status, status === "waitlisted" && position ? `Waits, number ${position}` : undefined);
}

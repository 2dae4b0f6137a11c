// Somebody came who was not registered.

import { readAll } from "../api.js";
import { attempt } from "../dialogs.js";
import { h, show } from "../dom.js";
import { formOf, valuesOf } from "../forms.js";
import { problemBox } from "../problems.js";
import { schoolField } from "./pieces.js";

/**
 * @param {any} session @param {Set<string>} known who is on the list already
 * @returns {Promise<any>} the person chosen, or null
 */
export async function walkIn(session, known) {
  const who = h("select", { id: "walk-in", name: "staff", required: true });
  const trouble = h("div", null);
  /** @type {any[]} */
  let people = [];
  /** @type {any} */
  let chosen = null;
  const fill = async (/** @type {string} */ school) => {
    show(trouble);
    try {
      const found = school ? await readAll(`/v1/staff?active=true&school=${encodeURIComponent(school)}`) : [];
      people = found.filter((one) => !known.has(one.id));
      show(
        who,
        h("option", { value: "" }, people.length ? "Choose" : "Nobody else"),
        people.map((one) => h("option", { value: one.id }, `${one.family_name}, ${one.given_name}`)),
      );
    } catch (error) {
      show(trouble, problemBox(error));
    }
  };
  const school = schoolField({ value: session.school ?? "" });
  school.addEventListener("change", (event) =>
    void fill(/** @type {HTMLInputElement} */ (event.target).value.trim()));
  void fill(session.school ?? "");
  await attempt("Add a walk-in", (cancel, finish) =>
    formOf({
      body: [school, trouble, h("div", { class: "field" }, h("label", { for: "walk-in" }, "Who"), who)],
      submit: "Is here",
      cancel,
      act: async (form) => {
        chosen = people.find((one) => one.id === valuesOf(form).staff) ?? null;
        finish();
      },
    }),
  );
  return chosen;
}

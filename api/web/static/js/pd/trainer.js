// Who trains: somebody on the staff, or somebody from outside.

import { readAll, send } from "../api.js";
import { attempt } from "../dialogs.js";
import { h, show, uid } from "../dom.js";
import { fieldOf, formOf, valuesOf } from "../forms.js";
import { may } from "../session.js";
import { toast } from "../toasts.js";
import { tellWarnings } from "./pieces.js";

/** @typedef {import("../dom.js").Child} Child */

const WHO = /** @type {[string, string][]} */ ([
  ["none", "Not found yet"],
  ["outside", "Somebody from outside"],
  ["staff", "Somebody on the staff"],
]);

/**
 * @param {{school?: string|null, who?: string}} [start] `school`: whose staff is offered first
 * @returns {Child[]}
 */
export function trainerFields(start = {}) {
  const options = may("staff:read") ? WHO : WHO.slice(0, 2);
  const who = fieldOf({ name: "who", label: "Trainer", options, value: start.who ?? "none" });
  const more = h("div", { class: "pd-place" });
  const draw = () => {
    const chosen = /** @type {HTMLSelectElement} */ (who.querySelector("select")).value;
    show(
      more,
      chosen === "outside" && [
        fieldOf({ name: "trainer_name", label: "Name", required: true, pointer: "/trainer/name" }),
        fieldOf({ name: "trainer_email", label: "Email", type: "email", pointer: "/trainer/email" }),
      ],
      chosen === "staff" && staffField(),
    );
  };
  who.addEventListener("change", draw);
  draw();
  return [who, more];
}

/** A select of people, filled once they are read: trainers first. */
function staffField() {
  const id = uid("trainer");
  const select = h(
    "select",
    { id, name: "trainer_staff", required: true, dataset: { pointer: "/trainer/staff" } },
    h("option", { value: "" }, "Reading the staff."),
  );
  void readAll("/v1/staff?active=true").then(
    (people) => {
      const rank = (/** @type {any} */ one) => (one.role === "trainer" ? 0 : 1);
      people.sort((a, b) => rank(a) - rank(b));
      show(
        select,
        h("option", { value: "" }, "Choose"),
        people.map((one) =>
          h("option", { value: one.id }, `${one.given_name} ${one.family_name}, ${one.role} at ${one.school}`)),
      );
    },
    () => show(select, h("option", { value: "" }, "The staff could not be read")),
  );
  return h("div", { class: "field" }, h("label", { for: id }, "Who"), select);
}

/** @param {Record<string, string>} values @returns {{trainer: Record<string, string>}|{}} */
export function trainerIn(values) {
  if (values.who === "staff") return { trainer: { staff: values.trainer_staff } };
  if (values.who !== "outside") return {};
  const { trainer_name: name, trainer_email: email } = values;
  return { trainer: { name, ...(email && { email }) } };
}

/** @param {any} session @returns {Promise<boolean>} */
export async function changeTrainer(session) {
  /** @type {any} */
  let changed = null;
  const done = await attempt(`Trainer: ${session.title}`, (cancel, finish) =>
    formOf({
      body: [
        h(
          "p",
          { class: "intro" },
          session.trainer ? `Now ${session.trainer.name}. Those who come are told.` : "Nobody is found yet.",
        ),
        trainerFields({ who: session.trainer ? "none" : "outside" }),
        fieldOf({ name: "reason", label: "Why", type: "area", rows: 2 }),
      ],
      submit: "Change the trainer",
      cancel,
      act: async (form) => {
        const values = valuesOf(form);
        changed = await send(`/v1/pd/sessions/${session.id}/trainer`, {
          trainer: null,
          ...trainerIn(values),
          ...(values.reason && { reason: values.reason }),
        });
        finish();
      },
    }),
  );
  if (!done) return false;
  toast(changed.trainer ? `${changed.trainer.name} trains.` : "The session has no trainer now.");
  tellWarnings("Changed, with warnings", changed.warnings);
  return true;
}

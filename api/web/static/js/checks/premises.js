// What a building has that thresholds count and enrollment does not say.

import { call } from "../api.js";
import { ask } from "../dialogs.js";
import { h } from "../dom.js";
import { busyButton, figure } from "../orders/parts.js";
import { may } from "../session.js";
import { toast } from "../toasts.js";

/**
 * @param {string} school @param {{rooms: number|null, other_users: number|null}} premises
 * @param {() => Promise<void>} changed @returns {HTMLElement}
 */
export function premisesPanel(school, premises, changed) {
  const trouble = h("div", null);
  const edit = async () => {
    if (await change(school, premises)) await changed();
  };
  return h(
    "section",
    { class: "panel premises", "aria-labelledby": "premises-title" },
    h("h2", { id: "premises-title" }, "The building"),
    h(
      "dl",
      { class: "facts" },
      h("div", null, h("dt", null, "Rooms"), h("dd", { class: "num" }, figure(premises.rooms))),
      h(
        "div",
        null,
        h("dt", null, "Other staff and guests"),
        h("dd", { class: "num" }, figure(premises.other_users)),
      ),
    ),
    may("checks:write") &&
      h("div", { class: "acts" }, busyButton("Change", edit, trouble, { about: "the building", key: "premises" })),
    trouble,
  );
}

/** @param {string} school @param {{rooms: number|null, other_users: number|null}} premises */
function change(school, premises) {
  return ask({
    title: "The building",
    intro: h("p", null, "Every check of the school is judged by it at once. Empty: nobody knows."),
    fields: [
      { name: "rooms", label: "Rooms where students learn", type: "number", min: "0", value: premises.rooms },
      {
        name: "other_users",
        label: "Other staff and guests",
        type: "number",
        min: "0",
        value: premises.other_users,
        help: "Who uses the network besides students and teachers.",
      },
    ],
    submit: "Save",
    act: async ({ rooms, other_users: others }) => {
      const numbered = (/** @type {string} */ text) => (text === "" ? null : Number(text));
      const body = { rooms: numbered(rooms), other_users: numbered(others) };
      await call("PUT", `/v1/schools/${encodeURIComponent(school)}/premises`, { body });
      toast("Saved.");
    },
  });
}

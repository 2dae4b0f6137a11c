// Adding a course to the catalogue.

import { make } from "../api.js";
import { ask } from "../dialogs.js";
import { h } from "../dom.js";
import { checkOf, fieldOf } from "../forms.js";
import { whoami } from "../session.js";
import { toast } from "../toasts.js";
import { sentence } from "../words.js";
import { readNetworks } from "./pieces.js";

const ROLES = ["teacher", "leader", "trainer", "tech"];

/** @returns {Promise<boolean>} */
export async function newCourse() {
  const networks = (await readNetworks()).map((code) => /** @type {[string, string]} */ ([code, code]));
  const everywhere = !whoami()?.network;
  return ask({
    title: "New course",
    size: "wide",
    fields: [
      h(
        "div",
        { class: "form-grid" },
        [
          { name: "title", label: "Title", required: true },
          {
            name: "code",
            label: "Code",
            required: true,
            help: "As playbooks name it: small letters, digits and _.",
          },
          { name: "hours", label: "Hours", type: "number", min: 0.25, max: 200, step: "0.25", value: 2, required: true },
          {
            name: "share",
            label: "Of those with the role, % need it",
            type: "number",
            min: 1,
            max: 100,
            value: 100,
            required: true,
            pointer: "/required_share",
          },
          {
            name: "network",
            label: "Catalogue",
            options: [...(everywhere ? [/** @type {[string, string]} */ (["", "Shared by all networks"])] : []), ...networks],
          },
        ].map(fieldOf),
      ),
      h(
        "fieldset",
        { class: "choices", dataset: { pointer: "/roles" } },
        h("legend", null, "Who needs it"),
        ROLES.map((role) => checkOf({ name: "role", value: role, label: sentence(role), checked: role === "teacher" })),
      ),
    ],
    submit: "Add the course",
    act: async (values, form) => {
      await make("/v1/pd/courses", {
        code: values.code,
        title: values.title,
        hours: Number(values.hours),
        required_share: Number(values.share) / 100,
        roles: new FormData(form).getAll("role"),
        ...(values.network && { network: values.network }),
      });
      toast(`${values.title} is in the catalogue.`);
    },
  });
}

// A network's rules: what warns, what blocks, how a freed seat is filled, when classes are held.

import { call, read } from "../api.js";
import { attempt } from "../dialogs.js";
import { h, show } from "../dom.js";
import { checkOf, fieldOf, formOf, valuesOf } from "../forms.js";
import { problemBox } from "../problems.js";
import { toast } from "../toasts.js";
import { sentence } from "../words.js";
import { readNetworks } from "./pieces.js";

const SEVERITIES = /** @type {[string, string][]} */ ([
  ["warn", "Warn"],
  ["block", "Block"],
  ["ignore", "Ignore"],
]);

/** @type {Record<string, {label: string, limit?: string}>} */
const RULES = {
  travel: { label: "Too little time between two places", limit: "Minutes it takes" },
  blackout: { label: "The school is closed that day" },
  out_of_school: { label: "Too many teachers of a school away", limit: "Teachers at most" },
  substitute: { label: "Somebody is missed in class" },
};

/** @returns {Promise<boolean>} */
export async function changeRules() {
  const networks = await readNetworks();
  const pathOf = (/** @type {string} */ code) => `/v1/networks/${encodeURIComponent(code)}/pd-rules`;
  const first = await read(pathOf(networks[0]));
  return attempt(
    "Rules of PD",
    (cancel, finish) => {
      const fields = h("div", { class: "rules" }, fieldsOf(first));
      const which = fieldOf({ name: "network", label: "Network", options: networks.map((code) => [code, code]) });
      let asked = 0;
      which.addEventListener("change", async (event) => {
        const { value } = /** @type {HTMLSelectElement} */ (event.target);
        asked += 1;
        const mine = asked;
        // Nobody edits one network's rules and saves them as another's.
        show(fields, h("p", { class: "fine" }, "Reading."));
        const shown = await read(pathOf(value)).then(fieldsOf, problemBox);
        if (mine === asked) show(fields, shown);
      });
      return formOf({
        body: [networks.length > 1 && which, fields],
        submit: "Save the rules",
        cancel,
        act: async (form) => {
          const values = valuesOf(form);
          if (!values.offer_hours || !values.begin || !values.end) return;
          await call("PUT", pathOf(values.network ?? networks[0]), { body: bodyOf(values) });
          toast("The rules are saved.");
          finish();
        },
      });
    },
    "wide",
  );
}

/** @param {any} said what the network says now */
function fieldsOf(said) {
  const number = { type: "number", min: 0, max: 1440, required: true };
  return [
    said.rules.map((/** @type {any} */ { rule, severity, limit }) => {
      const known = RULES[rule] ?? { label: sentence(rule) };
      return [
        fieldOf({ name: rule, label: known.label, options: SEVERITIES, value: severity }),
        known.limit
          ? fieldOf({ ...number, name: `${rule}_limit`, label: known.limit, value: limit })
          : h("div", null),
      ];
    }),
    fieldOf({
      ...number,
      name: "offer_hours",
      label: "Hours a freed seat is kept for who waits",
      min: 1,
      max: 720,
      value: said.offer_hours,
    }),
    checkOf({ name: "seat_at_once", label: "Seat them at once, without asking", checked: said.seat_at_once }),
    ...["begin", "end"].map((name) =>
      fieldOf({
        type: "time",
        required: true,
        name,
        label: `Classes ${name}`,
        pointer: `/classes/${name} /classes`,
        value: said.classes[name],
      })),
  ];
}

/** @param {Record<string, string>} values */
function bodyOf(values) {
  const rules = Object.keys(RULES)
    .filter((rule) => values[rule])
    .map((rule) => ({
      rule,
      severity: values[rule],
      ...(RULES[rule].limit && { limit: Number(values[`${rule}_limit`]) }),
    }));
  return {
    rules,
    offer_hours: Number(values.offer_hours),
    seat_at_once: "seat_at_once" in values,
    classes: { begin: values.begin, end: values.end },
  };
}

// Accounts as a file for the systems that take files: chosen, recorded, saved.

import { Problem, fetchFile, readAll } from "../api.js";
import { h, show } from "../dom.js";
import { checkOf, fieldOf, formOf, valuesOf } from "../forms.js";
import { figure } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { may, whoami } from "../session.js";
import { toast } from "../toasts.js";
import { sentence } from "../words.js";
import { save } from "./saving.js";

/** @type {[string, string][]} */
const FORMATS = [
  ["google", "Google Workspace: bulk upload"],
  ["microsoft", "Microsoft 365: bulk create"],
  ["sds", "Microsoft School Data Sync 2.1"],
  ["clever", "Clever"],
  ["apple", "Apple School Manager"],
  ["oneroster", "OneRoster 1.2"],
  ["gam", "GAM (Google)"],
];

/** @param {AbortSignal} signal @returns {HTMLElement} */
export function exportsPart(signal) {
  const place = h("div", null, h("p", { role: "status" }, "Reading the networks."));
  void offer();
  return h(
    "section",
    { class: "panel exports", "aria-label": "Exports" },
    h("h2", null, "Exports"),
    h("p", { class: "lead" }, "Exactly what each system takes, split where it has a limit. Who took it is written down."),
    place,
  );

  async function offer() {
    try {
      const own = whoami()?.network;
      const networks = own ? [own] : await readAll("/v1/networks", signal);
      show(place, formFor(networks, signal));
    } catch (error) {
      if (!signal.aborted) show(place, problemBox(error));
    }
  }
}

/** @param {{code: string, name: string}[]} networks @param {AbortSignal} signal */
function formFor(networks, signal) {
  const left = h("div", null);
  const form = formOf({
    body: [
      h(
        "div",
        { class: "form-grid" },
        fieldOf({ name: "format", label: "Format", options: FORMATS }),
        fieldOf({ name: "network", label: "Network", options: networks.map((one) => [one.code, one.name]) }),
        fieldOf({ name: "school", label: "School", help: "Its code. Empty: all of the network." }),
        fieldOf({
          name: "domain",
          label: "Domain",
          help: "Makes addresses of usernames, such as students.example.org.",
        }),
        fieldOf({
          name: "org_unit",
          label: "Organizational unit",
          help: "For Google, such as /Students/{school}/{grad_year}.",
        }),
        fieldOf({ name: "recipient", label: "Handed to", help: "For the record." }),
        fieldOf({ name: "basis", label: "On what ground", help: "Such as a contract's number." }),
      ),
      may("accounts:write") && checkOf({ name: "passwords", label: "With the initial passwords that wait" }),
      checkOf({ name: "people", label: "For people to read", help: "Safe to open in a spreadsheet; not to be sent to a system." }),
      checkOf({ name: "skip", label: "Leave out accounts that the format cannot hold" }),
      left,
    ],
    submit: "Export",
    act: async (filled) => {
      show(left);
      try {
        await take(valuesOf(filled), signal);
      } catch (error) {
        show(left, reasonsOf(error));
        throw error;
      }
    },
  });
  return form;
}

/** @param {Record<string, string>} values @param {AbortSignal} signal */
async function take(values, signal) {
  const { passwords, people, skip, ...given } = values;
  const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
  if (passwords) query.set("passwords", "true");
  if (people) query.set("audience", "people");
  if (skip) query.set("on_unfit", "skip");
  const file = await fetchFile("GET", `/v1/accounts/export?${query}`, { signal });
  save(file);
  const students = Number(file.headers.get("firstbell-students"));
  const without = Number(file.headers.get("firstbell-left-out"));
  toast(`${file.name}: ${figure(students)} students${without ? `, ${figure(without)} left out` : ""}.`);
}

/** Whom the format cannot hold, by reason. @param {unknown} error */
function reasonsOf(error) {
  const unfit = error instanceof Problem ? error.body.unfit : null;
  if (!unfit) return null;
  return h(
    "ul",
    { class: "target-errors" },
    Object.entries(unfit).map(([code, count]) =>
      h("li", null, h("span", { class: "num" }, figure(Number(count))), sentence(code.replaceAll("-", " "))),
    ),
  );
}

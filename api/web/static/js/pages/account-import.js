// One import: what it did, why rows were left out, and how to take it back.

import { actsOf } from "../accounts/acts.js";
import { follow } from "../accounts/follow.js";
import { partsOfRun, showIssues, spoken } from "../accounts/run.js";
import { moment } from "../dates.js";
import { h, show } from "../dom.js";
import { whose } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { keepFocus } from "../school/buttons.js";

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ params, signal, rename }) {
  const trouble = h("div", null);
  const title = h("h1", null, "Import");
  const by = h("p", { class: "fine" });
  const said = h("p", { class: "sr", role: "status" });
  const head = h("div", { class: "run" }, h("p", null, "Reading the import."));
  const issues = h("div", { class: "run" });
  const look = () =>
    follow(
      params.run,
      signal,
      (run) => {
        const name = `Import of ${moment(run.created_at)}`;
        title.textContent = name;
        rename(name);
        by.textContent = sentByOf(run);
        const acts = actsOf(run, trouble, look);
        keepFocus(head, () => show(head, ...partsOfRun(run, acts, "h2")));
        said.textContent = spoken(run);
        void showIssues(run, issues, signal);
      },
      (error) => show(head, problemBox(error, { retry: look })),
    );
  void look();
  return {
    node: h(
      "div",
      { class: "page accounts-page" },
      h(
        "div",
        { class: "order-head" },
        h("p", { class: "crumbs" }, h("a", { href: "/accounts" }, "Accounts")),
        title,
        by,
      ),
      said,
      head,
      trouble,
      issues,
    ),
  };
}

/** @param {any} run */
function sentByOf(run) {
  const sent = `Sent by ${whose(run.actor)}`;
  return run.approved_by ? `${sent}, approved by ${whose(run.approved_by)}` : sent;
}

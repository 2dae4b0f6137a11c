// One task in full: what it is, what it waits for, what can be done to it.

import { isAbort, read } from "../api.js";
import { range, short } from "../dates.js";
import { openDialog } from "../dialogs.js";
import { h, show } from "../dom.js";
import { problemBox } from "../problems.js";
import { may, whoami } from "../session.js";
import { sentence, streamWord } from "../words.js";
import { actsOf, decideWaiver, rareActsOf } from "./acts.js";
import { actButtons } from "./buttons.js";

/**
 * @param {string} id @param {import("./data.js").School} school @param {() => void} changed
 */
export function openTask(id, school, changed) {
  const task = school.tasks.get(id);
  if (!task) return;
  const trouble = h("div", null);
  const more = h("div", null);
  openDialog(
    task.title,
    (close) => {
      const after = () => {
        close();
        changed();
      };
      const another = (/** @type {string} */ other) => {
        close();
        openTask(other, school, changed);
      };
      void readMore(task, more, after);
      return [
        h(
          "p",
          { class: "meta" },
          h("span", { class: "code" }, task.key),
          h("span", null, streamWord(task.workstream)),
          task.gate && h("span", { class: "tag" }, "Gate"),
          task.of_network && h("span", { class: "tag" }, "Of the network"),
          task.critical && h("span", { class: "tag critical" }, "Decides the date"),
        ),
        facts(task),
        more,
        h(
          "div",
          { class: "relations" },
          relation("Waits for", school, id, "successor_id", "predecessor_id", another),
          relation("Holds up", school, id, "predecessor_id", "successor_id", another),
        ),
        trouble,
        actButtons([...actsOf(task), ...rareActsOf(task)], task.title, trouble, after, "dialog"),
      ];
    },
    { size: "wide" },
  );
}

/** @param {import("./data.js").Task} task */
function facts(task) {
  const open = !task.satisfied;
  /** @type {[string, string|null][]} */
  const rows = [
    [
      "Status",
      task.satisfied && task.status !== "done" && task.status !== "skipped" ? `${sentence(task.status)}, waived` : sentence(task.status),
    ],
    ["Owner", task.owner_email ?? "Nobody"],
    [
      "Evidence",
      task.progress_total === null ? null : `${task.progress_done} of ${task.progress_total}${task.unit ? ` ${task.unit}` : ""}`,
    ],
    ["Forecast", open && task.finish ? range(task.start, task.finish) : null],
    ["Finish by", open && task.late_finish ? short(task.late_finish, { weekday: true }) : null],
    [
      "Float",
      open && task.float_days !== null ? (
        task.float_days < 0 ? `${-task.float_days} working days too late` : `${task.float_days} working days`
      ) : null,
    ],
    ["Planned", task.planned_finish ? range(task.planned_start, task.planned_finish) : null],
  ];
  return h(
    "dl",
    { class: "facts" },
    rows.filter(([, value]) => value !== null).map(
      ([term, value]) => h("div", null, h("dt", null, term), h("dd", { class: "num" }, value)),
    ),
  );
}

/**
 * The description and the waivers are read when somebody looks.
 * @param {import("./data.js").Task} task @param {HTMLElement} place @param {() => void} after
 */
async function readMore(task, place, after) {
  try {
    const [whole, list] = await Promise.all(
      [read(`/v1/tasks/${task.id}`), read(`/v1/tasks/${task.id}/waivers`)],
    );
    const trouble = h("div", null);
    const asked = list.items.filter((/** @type {any} */ one) => one.state === "requested");
    const decide = (
      /** @type {string} */ id,
      /** @type {"approve"|"revoke"} */ decision,
    ) => async () => {
      if (await decideWaiver(id, decision, trouble)) after();
    };
    show(
      place,
      whole.description && h("p", { class: "description" }, whole.description),
      whole.cause && h("p", null, h("b", null, "Reason: "), whole.cause),
      whole.reason && h("p", null, h("b", null, "Decided because: "), whole.reason),
      asked.map((/** @type {any} */ one) =>
        h(
          "div",
          { class: "notice" },
          h(
            "p",
            null,
            h("b", null, "Waiver requested: "),
            one.reason,
            one.expires_on ? ` (until ${short(one.expires_on)})` : "",
          ),
          may("waivers:approve") && h(
            "button",
            { type: "button", class: "button small primary", onclick: decide(one.id, "approve") },
            "Approve",
          ),
          (may("waivers:approve") || one.requested_by === whoami()?.actor) && h(
            "button",
            { type: "button", class: "button small", onclick: decide(one.id, "revoke") },
            "Take back",
          ),
        ),
      ),
      trouble,
    );
  } catch (error) {
    if (!isAbort(error)) show(place, problemBox(error));
  }
}

/**
 * @param {string} label @param {import("./data.js").School} school @param {string} id
 * @param {"successor_id"|"predecessor_id"} mine @param {"successor_id"|"predecessor_id"} theirs
 * @param {(task: string) => void} another
 */
function relation(label, school, id, mine, theirs, another) {
  const others = school.graph.edges.filter((edge) => edge[mine] === id).map(
    (edge) => school.tasks.get(edge[theirs]),
  );
  if (!others.length) return null;
  return h(
    "div",
    null,
    h("h3", null, label),
    h(
      "ul",
      null,
      others.map(
        (task) => task && h(
          "li",
          null,
          h(
            "button",
            { type: "button", class: "inline", onclick: () => another(task.id) },
            task.title,
          ),
          h(
            "span",
            { class: "fine" },
            task.satisfied ? "satisfied" : sentence(task.status).toLowerCase(),
          ),
        ),
      ),
    ),
  );
}

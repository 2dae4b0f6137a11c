// One school: will it be ready, what stands in the way, what to do now.

import { Problem, isAbort } from "../api.js";
import { h, show } from "../dom.js";
import { onChange } from "../live.js";
import { problemBox } from "../problems.js";
import { note } from "../router.js";
import { blockersOf } from "../school/blockers.js";
import { keepFocus } from "../school/buttons.js";
import { readSchool } from "../school/data.js";
import { headOf } from "../school/head.js";
import { planOf } from "../school/plan.js";
import { criticalPath, nextActions, saidBefore, waivers } from "../school/side.js";
import { workstreamsOf } from "../school/streams.js";
import { openTask } from "../school/task-dialog.js";

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ params, query, signal, rename }) {
  const node = h(
    "div",
    { class: "page school-page" },
    h("h1", null, params.school),
    h("p", { role: "status" }, "Reading the school."),
  );
  /** @type {import("../school/data.js").School|null} */
  let school = null;
  const shown = { all: false };
  const view = query.get("view") ?? "timeline";
  const options = {
    view: ["timeline", "graph", "tasks"].includes(view) ? view : "timeline",
    satisfied: false,
    stream: "",
    gates: false,
    scroll: 0,
    width: 1000,
  };
  const noted = () => note(
    options.view === "timeline" ? location.pathname : `${location.pathname}?view=${options.view}`,
  );
  const opened = (/** @type {string} */ id) => {
    if (school) openTask(id, school, refresh);
  };
  const draw = () => {
    const known = school;
    if (!known) return;
    keepFocus(node, () =>
      show(
        node,
        headOf(known, opened, refresh),
        h(
          "div",
          { class: "school-columns" },
          h(
            "div",
            { class: "school-main" },
            blockersOf(known, opened, refresh, shown, draw),
            workstreamsOf(known, opened),
          ),
          h(
            "div",
            { class: "school-side" },
            criticalPath(known, opened),
            nextActions(known, opened),
            waivers(known, opened, refresh),
            saidBefore(known),
          ),
        ),
        planOf(known, options, opened, noted),
      ),
    );
  };
  let reading = 0;
  let wanted = query.get("task");
  const refresh = async () => {
    reading += 1;
    const mine = reading;
    try {
      const answer = await readSchool(params.school, signal);
      // A slower, older answer must not replace a newer one.
      if (mine !== reading) return;
      school = answer;
      rename(answer.answer.school.name);
      draw();
      // A link to one task: shown once, then the address is the school's again.
      const task = wanted;
      wanted = null;
      if (task) opened(task);
    } catch (error) {
      if (isAbort(error) || mine !== reading) return;
      const gone = error instanceof Problem && error.status === 404;
      show(
        node,
        h(
          "h1",
          null,
          gone ? `There is no school ${params.school}` : "The school could not be read",
        ),
        problemBox(error, gone ? {} : { retry: refresh }),
        h("p", null, h("a", { href: "/" }, "Go to the board")),
      );
    }
  };
  onChange((change) => {
    if (change.all || (school && change.schools.has(school.answer.school.id))) void refresh();
  }, signal);
  void refresh();
  return { node };
}

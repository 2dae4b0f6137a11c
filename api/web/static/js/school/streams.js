// The workstreams: gates satisfied, and every task that is finished by evidence.

import { badge } from "../board/cells.js";
import { short } from "../dates.js";
import { h, s } from "../dom.js";
import { streamWord } from "../words.js";

/** @param {import("./data.js").School} school @param {(task: string) => void} openTask */
export function workstreamsOf({ answer, tasks }, openTask) {
  if (!answer.workstreams.length) return null;
  return h(
    "section",
    { class: "panel", "aria-labelledby": "streams-title" },
    h("h2", { id: "streams-title" }, "Workstreams"),
    h(
      "div",
      { class: "streams" },
      answer.workstreams.map((/** @type {any} */ stream) =>
        h(
          "article",
          { class: "stream", dataset: { verdict: stream.verdict } },
          h(
            "div",
            { class: "stream-head" },
            h("h3", null, streamWord(stream.workstream)),
            badge(stream.verdict),
          ),
          stream.gates.total > 0
            ? [
              bar(
                stream.gates.satisfied,
                stream.gates.total,
                `${streamWord(stream.workstream)}, gates`,
              ),
              h(
                "p",
                { class: "fine num" },
                `${stream.gates.satisfied} of ${stream.gates.total} gates, ${stream.percent}%`,
              ),
            ]
            : h("p", { class: "fine" }, "No gates"),
          stream.evidence?.length > 0 && h(
            "ul",
            { class: "evidence" },
            stream.evidence.map((/** @type {any} */ one) => evidenceOf(one, tasks, openTask)),
          ),
        ),
      ),
    ),
  );
}

/** @param {any} one @param {Map<string, any>} tasks @param {(task: string) => void} openTask */
function evidenceOf(one, tasks, openTask) {
  const title = tasks.get(one.task_id)?.title ?? one.key;
  return h(
    "li",
    null,
    h(
      "div",
      { class: "evidence-line" },
      h(
        "button",
        {
          type: "button",
          class: "inline",
          onclick: () => openTask(one.task_id),
          dataset: { key: `evidence:${one.task_id}` },
        },
        title,
      ),
      h(
        "span",
        { class: "num fine" },
        `${one.done.toLocaleString("en")} / ${one.total.toLocaleString("en")}${one.unit ? ` ${one.unit}` : ""}`,
      ),
    ),
    bar(one.done, one.total, title),
    one.expected_on && one.done < one.total && h(
      "span",
      { class: "fine" },
      `promised ${short(one.expected_on)}`,
    ),
  );
}

/** @param {number} done @param {number} total @param {string} about */
function bar(done, total, about) {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  return s(
    "svg",
    {
      class: share >= 1 ? "bar full" : "bar",
      viewBox: "0 0 100 6",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${about}: ${done} of ${total}`,
    },
    s("rect", { width: 100, height: 6, class: "bar-ground" }),
    s("rect", { width: share * 100, height: 6, class: "bar-done" }),
  );
}

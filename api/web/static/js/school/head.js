// The top of the school page: the sentence, the figures, first bell and model.

import { Problem, call, read, send } from "../api.js";
import { badge } from "../board/cells.js";
import { addressOf } from "../checks/words.js";
import { against, day, localToday, moment, short } from "../dates.js";
import { ask } from "../dialogs.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { may } from "../session.js";
import { toast } from "../toasts.js";
import { MODELS, modelWord, verdictWord } from "../words.js";
import { verdictSentence } from "./sentence.js";

/**
 * @param {import("./data.js").School} school @param {(task: string) => void} openTask
 * @param {() => void} changed @returns {HTMLElement}
 */
export function headOf(school, openTask, changed) {
  const { answer, graph, tasks } = school;
  const parts = verdictSentence(answer, tasks, day(graph.today) ?? localToday());
  return h(
    "header",
    { class: "school-head", dataset: { verdict: answer.verdict } },
    h(
      "p",
      { class: "crumbs" },
      h("a", { href: "/" }, icon("back"), "Board"),
      h("span", { class: "code" }, answer.school.code),
      may("checks:read") && h("a", { href: addressOf(answer.school.code) }, "Checks of the building"),
    ),
    h("div", { class: "school-title" }, h("h1", null, answer.school.name), badge(answer.verdict)),
    h(
      "p",
      { class: "verdict-sentence" },
      parts.map((part) =>
        typeof part === "string"
          ? part
          : taskLink(part, answer.school.code, openTask),
      ),
    ),
    figures(answer, changed),
  );
}

/**
 * A link and not a button: inside a sentence it has to break over lines.
 * @param {{task: string, title: string}} part @param {string} code @param {(task: string) => void} openTask
 */
function taskLink(part, code, openTask) {
  const onclick = (/** @type {MouseEvent} */ event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    openTask(part.task);
  };
  const href = `/schools/${encodeURIComponent(code)}?task=${part.task}`;
  return h(
    "a",
    { class: "inline", href, onclick, dataset: { key: `sentence:${part.task}` } },
    part.title,
  );
}

/** @param {any} answer @param {() => void} changed */
function figures(answer, changed) {
  const { gates, forecast, rollout, without_waivers: bare } = answer;
  const bell = rollout?.first_bell;
  return h(
    "dl",
    { class: "figures" },
    figure(
      "First bell",
      bell ? short(bell, { weekday: true }) : "Not set",
      editButton(answer, changed),
    ),
    figure(
      "Ready on",
      answer.verdict === "ready" ? "Now" : short(
        forecast.ready_on,
        { weekday: true },
      ) || "Not known",
      answer.verdict === "ready" ? null : against(forecast.ready_on, bell, forecast.float_days),
    ),
    figure(
      "Gates",
      gates.total ? `${gates.satisfied} of ${gates.total}` : "None",
      gates.waived ? `${gates.waived} by waiver` : null,
    ),
    figure(
      "Progress",
      answer.progress === null ? "–" : `${Math.round(answer.progress * 100)}%`,
      "counting parts",
    ),
    gates.waived > 0 && figure(
      "Without waivers",
      verdictWord(bare.verdict),
      bare.percent === null ? null : `${bare.percent}%`,
    ),
    figure("Model", modelWord(rollout?.model), `As of ${moment(answer.as_of)}`),
  );
}

/** @param {string} term @param {string} value @param {import("./../dom.js").Child} [more] */
function figure(term, value, more) {
  return h(
    "div",
    null,
    h("dt", null, term),
    h(
      "dd",
      null,
      h("span", { class: "figure num" }, value),
      more && h("span", { class: "fine" }, more),
    ),
  );
}

/** @param {any} answer @param {() => void} changed */
function editButton(answer, changed) {
  if (!may("tasks:write")) return null;
  const known = answer.rollout !== null;
  const act = async () => {
    if (await (known ? editRollout(answer) : openRollout(answer))) changed();
  };
  return h(
    "button",
    { type: "button", class: "link", onclick: act, dataset: { key: "rollout" } },
    known ? "Change" : "Plan it",
    h("span", { class: "sr" }, known ? " first bell, model or wave" : " with a playbook"),
  );
}

/** @param {any} answer */
async function editRollout(answer) {
  const path = `/v1/schools/${encodeURIComponent(answer.school.code)}/rollout`;
  // Read now, so that what somebody else has changed meanwhile is refused and not overwritten.
  let found;
  try {
    found = await call("GET", path);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    toast(error.message, { bad: true });
    return false;
  }
  const { data, etag } = found;
  return ask({
    title: `Rollout of ${answer.school.name}`,
    intro: h("p", null, "Planned dates follow first bell. The forecast is computed again at once."),
    fields: [
      { name: "first_bell", label: "First bell", type: "date", value: data.first_bell },
      {
        name: "model",
        label: "Blended model",
        value: data.model,
        options: [
          ["", "Not decided"],
          ...MODELS.map((model) => /** @type {[string, string]} */ ([model, modelWord(model)])),
        ],
      },
      { name: "wave", label: "Wave", value: data.wave },
    ],
    submit: "Save",
    act: async (values) => {
      const body = Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, value || null]).filter(
          ([name, value]) => value !== (data[String(name)] ?? null),
        ),
      );
      await call("PATCH", path, { body, etag });
      toast("Saved.");
    },
  });
}

/** @param {any} answer */
async function openRollout(answer) {
  const playbooks = await read("/v1/playbooks").then((list) => list.items).catch(() => []);
  return ask({
    title: `Plan ${answer.school.name}`,
    fields: [
      {
        name: "playbook",
        label: "Playbook",
        required: true,
        options: playbooks.map((/** @type {any} */ one) => [one.name, one.title]),
      },
      { name: "first_bell", label: "First bell", type: "date", required: true },
    ],
    submit: "Apply playbook",
    act: async (values) => {
      await send(`/v1/schools/${encodeURIComponent(answer.school.code)}/rollouts`, values);
      toast("The playbook is applied.");
    },
  });
}

// Where accounts are used: what waits for each system, what was given up, what differs there.

import { isAbort, read, readAll } from "../api.js";
import { h, show } from "../dom.js";
import { onChange, soon } from "../live.js";
import { problemBox } from "../problems.js";
import { keepFocus } from "../school/buttons.js";
import { whoami } from "../session.js";
import { maySend } from "../accounts/acts.js";
import { panelOf } from "../targets/panel.js";
import { addTarget } from "../targets/form.js";
import { cardsPart } from "../targets/cards.js";
import { exportsPart } from "../targets/exports.js";

// A queue that is worked off moves all the time; one that rests seldom.
const BUSY = 2500;
const AT_REST = 15000;
const TOLD = 1000;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ signal }) {
  if (whoami()?.schools) return { node: ofSchools(signal) };
  const trouble = h("div", null);
  const list = h("div", null, h("p", { role: "status" }, "Reading the targets."));
  let later = 0;
  signal.addEventListener("abort", () => clearTimeout(later));
  const refresh = async () => {
    clearTimeout(later);
    try {
      const states = await statesOf(signal);
      show(trouble);
      keepFocus(list, () => show(list, listOf(states, refresh)));
      const moves = states.some((one) => one.running || one.drift.asked);
      later = window.setTimeout(refresh, moves ? BUSY : AT_REST);
    } catch (error) {
      if (!isAbort(error)) show(trouble, problemBox(error, { retry: refresh }));
    }
  };
  const add = async () => {
    try {
      if (await addTarget()) await refresh();
    } catch (error) {
      show(trouble, problemBox(error));
    }
  };
  onChange(soon(refresh, TOLD, signal), signal);
  void refresh();
  return {
    node: h(
      "div",
      { class: "page targets-page" },
      h(
        "div",
        null,
        h("h1", null, "Targets"),
        h("p", { class: "lead" }, "The systems students sign in to, kept as the accounts are here."),
      ),
      maySend() && h(
        "div",
        { class: "controls" },
        h("button", { type: "button", class: "button primary", onclick: add }, "Add a target"),
      ),
      trouble,
      list,
      ...papersOf(signal),
    ),
  };
}

/** What leaves on paper or as a file. @param {AbortSignal} signal */
function papersOf(signal) {
  if (!whoami()?.sees_names) {
    return [
      h("p", { class: "fine" }, "Login cards and exports are names: they are for who may see those."),
    ];
  }
  return [cardsPart(signal), whoami()?.schools ? null : exportsPart(signal)];
}

/** A school's people have its cards, and no targets. @param {AbortSignal} signal */
function ofSchools(signal) {
  return h(
    "div",
    { class: "page targets-page" },
    h("h1", null, "Targets"),
    h("p", { class: "lead" }, "Targets are the network's; a school's plan shows how far they are."),
    ...papersOf(signal),
  );
}

/** @param {AbortSignal} signal @returns {Promise<any[]>} */
async function statesOf(signal) {
  const targets = await readAll("/v1/targets", signal);
  return Promise.all(targets.map((one) => read(`/v1/targets/${one.id}/status`, signal)));
}

/** @param {any[]} states @param {() => Promise<void>} changed */
function listOf(states, changed) {
  if (!states.length) {
    return h("p", { class: "empty" }, "No targets yet: accounts are kept here, and reach no system by themselves.");
  }
  return h("div", { class: "targets" }, states.map((one) => panelOf(one, changed)));
}

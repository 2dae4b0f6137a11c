// Files for a target's people: fetched, confirmed, or answered with a file of results.

import { call, fetchFile, isAbort, send } from "../api.js";
import { moment, plural } from "../dates.js";
import { ask } from "../dialogs.js";
import { h, show, uid } from "../dom.js";
import { maySend } from "../accounts/acts.js";
import { busyButton, figure } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { whoami } from "../session.js";
import { toast } from "../toasts.js";
import { save } from "./saving.js";

const NEWEST = 3;

/** @param {any} status @param {() => Promise<void>} changed @returns {HTMLElement} */
export function handOffs({ target }, changed) {
  const place = h("div", { class: "hand-offs" });
  void fill();
  return place;

  async function fill() {
    const base = `/v1/targets/${target.id}/hand-offs`;
    try {
      const { data } = await call("GET", `${base}?limit=${NEWEST}`);
      if (!data.items.length) return;
      const trouble = h("div", null);
      show(
        place,
        h("h3", null, "Files"),
        h("ul", null, data.items.map((/** @type {any} */ one) => h("li", null, lineOf(target, one, trouble, changed)))),
        trouble,
      );
    } catch (error) {
      if (!isAbort(error)) show(place, problemBox(error));
    }
  }
}

/**
 * @param {any} target @param {any} one @param {HTMLElement} trouble
 * @param {() => Promise<void>} changed @returns {import("../dom.js").Child[]}
 */
function lineOf(target, one, trouble, changed) {
  const path = `/v1/targets/${target.id}/hand-offs/${one.id}`;
  const about = `the file of ${moment(one.created_at)}`;
  const fetched = async () => save(await fetchFile("GET", `${path}/file`));
  /** @type {[unknown, string, () => Promise<unknown>][]} */
  const acts = [
    [whoami()?.sees_names && one.waiting, "Download", fetched],
    [one.waiting, "Confirm", () => confirm(target, one, path).then((done) => done && changed())],
    [one.waiting, "Send results", () => results(target, path).then((done) => done && changed())],
  ];
  return [
    h("span", null, `${moment(one.created_at)}: ${plural(one.students, "account")}, ${wordOf(one)}`),
    maySend() && h(
      "span",
      { class: "acts" },
      acts.filter(([is]) => is).map(([, label, run]) =>
        busyButton(String(label), run, trouble, { about, key: `${label}:${one.id}` }),
      ),
    ),
  ];
}

/** @param {any} one */
function wordOf(one) {
  if (!one.waiting) return "all settled";
  return one.confirmed_at ? `${figure(one.waiting)} changed since` : `${figure(one.waiting)} open`;
}

/** @param {any} target @param {any} one @param {string} path */
function confirm(target, one, path) {
  return ask({
    title: "Confirm the whole file",
    intro: h(
      "p",
      null,
      `${target.slug} has all ${plural(one.waiting, "account")} of it: they count as there from now on.`,
    ),
    fields: [],
    submit: "Confirm",
    act: async () => {
      await send(`${path}/confirm`);
      toast(`${target.slug}: confirmed.`);
    },
  });
}

/** @param {any} target @param {string} path */
function results(target, path) {
  const id = uid("file");
  const picker = /** @type {HTMLInputElement} */ (
    h("input", { type: "file", id, accept: ".csv,text/csv", required: true })
  );
  return ask({
    title: `Results of ${target.slug}`,
    intro: h("p", null, "A CSV with the columns account_id and result, which is ok or refused."),
    fields: [h("div", { class: "field" }, h("label", { for: id }, "The target's file"), picker)],
    submit: "Send",
    act: async () => {
      const file = picker.files?.[0];
      if (!file) return;
      const csv = new Blob([file], { type: "text/csv" });
      const { data } = await call("POST", `${path}/results`, { file: csv });
      toast(`${target.slug}: ${figure(data.confirmed)} confirmed, ${figure(data.refused)} refused.`);
    },
  });
}

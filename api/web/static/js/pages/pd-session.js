// One session: who comes, who waits, what can be done with it now.

import { Problem, call, isAbort, readAll, send } from "../api.js";
import { ask } from "../dialogs.js";
import { plural } from "../dates.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { onChange, soon } from "../live.js";
import { busyButton } from "../orders/parts.js";
import { noticesOf, seatedOf, waitingOf } from "../pd/lists.js";
import { badgeOf, placeOf, plans, seatsOf, stateOf, warningsOf } from "../pd/pieces.js";
import { register } from "../pd/register.js";
import { reschedule } from "../pd/session-form.js";
import { changeTrainer } from "../pd/trainer.js";
import { whenOf, zoneOf } from "../pd/when.js";
import { problemBox } from "../problems.js";
import { keepFocus } from "../school/buttons.js";
import { may, whoami } from "../session.js";
import { toast } from "../toasts.js";

const QUIET = 1500;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ params, signal, rename }) {
  const node = h(
    "div",
    { class: "page order-page pd-session" },
    h("h1", null, "Session"),
    h("p", { role: "status" }, "Reading the session."),
  );
  const path = `/v1/pd/sessions/${encodeURIComponent(params.session)}`;
  let reading = 0;
  const refresh = async () => {
    reading += 1;
    const mine = reading;
    try {
      const found = await readSession(path, signal);
      if (mine !== reading) return;
      rename(found.session.title);
      keepFocus(node, () => show(node, partsOf(found, refresh)));
    } catch (error) {
      if (isAbort(error) || mine !== reading) return;
      const gone = error instanceof Problem && (error.status === 404 || error.status === 422);
      show(
        node,
        h("h1", null, gone ? "There is no such session" : "The session could not be read"),
        problemBox(error, gone ? {} : { retry: refresh }),
        h("p", null, h("a", { href: "/pd" }, "Go to the sessions")),
      );
    }
  };
  onChange(soon(refresh, QUIET, signal), signal);
  void refresh();
  return { node };
}

/** @param {string} path @param {AbortSignal} signal */
async function readSession(path, signal) {
  // What people were told is for who sees the whole network.
  const told = whoami()?.schools ? [] : call("GET", `${path}/notices?sort=-created_at&limit=200`, { signal })
    .then(({ data }) => data.items);
  const [{ data: session }, people, notices] = await Promise.all([
    call("GET", path, { signal }),
    readAll(`${path}/registrations`, signal),
    told,
  ]);
  return { session, people, notices };
}

/** @param {{session: any, people: any[], notices: any[]}} found @param {() => Promise<void>} changed */
function partsOf({ session, people, notices }, changed) {
  const trouble = h("div", null);
  return [
    headOf(session),
    warningsOf(session.warnings),
    h("div", { class: "acts" }, actsOf(session, people, changed, trouble)),
    trouble,
    h(
      "div",
      { class: "order-columns" },
      h(
        "div",
        { class: "order-main" },
        seatedOf(session, people, { changed, trouble }),
        waitingOf(session, people, { changed, trouble }),
      ),
      noticesOf(notices, people, session.trainer),
    ),
  ];
}

/** @param {any} session */
function headOf(session) {
  return h(
    "header",
    { class: "order-head" },
    h(
      "p",
      { class: "crumbs" },
      h("a", { href: "/pd" }, icon("back"), "Sessions"),
      h("span", { class: "code" }, session.course),
    ),
    h("div", { class: "school-title" }, h("h1", null, session.title), badgeOf(stateOf(session))),
    session.reason && h("p", null, h("b", null, "Reason: "), session.reason),
    h(
      "dl",
      { class: "figures" },
      factOf("When", whenOf(session), zoneOf(session)),
      factOf("Where", placeOf(session)),
      factOf("Trainer", session.trainer?.name ?? "Nobody yet", session.trainer?.email ?? ""),
      factOf("Seats", seatsOf(session), session.minimum ? `at least ${session.minimum}` : ""),
      factOf("Credit", plural(session.hours, "hour")),
    ),
    session.below_minimum && session.status === "open" &&
      h(
        "p",
        { class: "notice" },
        icon("at_risk"),
        `${plural(session.minimum - session.seats_taken, "more person", "more people")} must register for it to be held.`,
      ),
  );
}

/** @param {string} term @param {string} value @param {string} [more] */
function factOf(term, value, more) {
  return h(
    "div",
    null,
    h("dt", null, term),
    h("dd", null, h("span", { class: "figure" }, value), more && h("span", { class: "fine" }, more)),
  );
}

/**
 * @param {any} session @param {any[]} people @param {() => Promise<void>} changed
 * @param {HTMLElement} trouble
 */
function actsOf(session, people, changed, trouble) {
  if (!plans() || session.status === "cancelled") return [];
  const begun = new Date(session.starts_at) <= new Date();
  const open = session.status === "open";
  const act = (/** @type {string} */ label, /** @type {() => Promise<boolean>} */ run, primary = false) =>
    busyButton(
      label,
      async () => {
        if (await run()) await changed();
      },
      trouble,
      { key: label, primary },
    );
  return [
    open && !begun && may("staff:read") && act("Register", () => register(session, people), true),
    begun &&
      h(
        "a",
        { class: open ? "button small primary" : "button small", href: `/pd/sessions/${session.id}/attendance` },
        open ? "Take attendance" : "Correct attendance",
      ),
    open && !begun && act("Reschedule", () => reschedule(session)),
    open && act("Trainer", () => changeTrainer(session)),
    open && act("Cancel session", () => cancel(session)),
  ];
}

/** @param {any} session @returns {Promise<boolean>} */
function cancel(session) {
  return ask({
    title: `Cancel: ${session.title}`,
    intro: session.seats_taken
      ? `${plural(session.seats_taken, "person", "people")} will be told, and free at that time.`
      : "Nobody is registered.",
    fields: [{ name: "reason", label: "Why", type: "area", required: true }],
    submit: "Cancel session",
    danger: true,
    act: async ({ reason }) => {
      await send(`/v1/pd/sessions/${session.id}/cancel`, { reason });
      toast(`${session.title} is cancelled.`);
    },
  });
}

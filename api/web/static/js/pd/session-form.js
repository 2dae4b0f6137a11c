// Planning a session, and moving one: the same fields, checked by the service as a whole.

import { call, make, read } from "../api.js";
import { attempt } from "../dialogs.js";
import { h, show } from "../dom.js";
import { fieldOf, formOf, valuesOf } from "../forms.js";
import { whoami } from "../session.js";
import { toast } from "../toasts.js";
import { patch, readCourses, readNetworks, schoolField, tellWarnings } from "./pieces.js";
import { trainerFields, trainerIn } from "./trainer.js";
import { whenOf } from "./when.js";

/** @typedef {import("../dom.js").Child} Child */

const KINDS = /** @type {[string, string][]} */ ([
  ["school", "At a school"],
  ["site", "At a site"],
  ["online", "Online"],
]);

/** @returns {Promise<string|null>} the id of the session that was made */
export async function newSession() {
  const [courses, networks] = await Promise.all([readCourses(), readNetworks()]);
  /** @type {any} */
  let made = null;
  const act = async (/** @type {HTMLFormElement} */ form) => {
    const values = valuesOf(form);
    made = await make("/v1/pd/sessions", {
      course: values.course,
      ...timesIn(values),
      ...placeIn(values),
      ...(values.kind !== "school" && values.network && { network: values.network }),
      ...trainerIn(values),
      capacity: Number(values.capacity),
      minimum: Number(values.minimum || 0),
    });
  };
  const done = await attempt(
    "New session",
    (cancel, finish) =>
      formOf({
        body: h(
          "div",
          { class: "form-grid" },
          fieldOf({
            name: "course",
            label: "Course",
            options: courses.map((one) => [one.code, one.title]),
            required: true,
          }),
          placeFields({ kind: "school" }, networks),
          timeFields(),
          fieldOf({ name: "capacity", label: "Seats", type: "number", min: 1, value: 25, required: true }),
          fieldOf({ name: "minimum", label: "At least", type: "number", min: 0, value: 0, help: "Fewer, and the session says so." }),
          trainerFields(),
        ),
        submit: "Plan the session",
        cancel,
        oninput: (event) => suggestEnd(event, courses),
        act: async (form) => {
          await act(form);
          finish();
        },
      }),
    "wide",
  );
  if (!done) return null;
  toast(`${made.title}: planned for ${whenOf(made)}.`);
  tellWarnings("Planned, with warnings", made.warnings);
  return made.id;
}

/** It ends when the course's hours are over, until somebody says otherwise. @param {Event} event @param {any[]} courses */
function suggestEnd(event, courses) {
  const input = /** @type {HTMLInputElement} */ (event.target);
  const form = input.form;
  if (!form || !["starts", "course"].includes(input.name)) return;
  const [starts, ends] = ["starts", "ends"].map((name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name)));
  if (!starts.value || (ends.value && ends.dataset.suggested !== ends.value)) return;
  const { hours } = courses.find((one) => one.code === new FormData(form).get("course")) ?? { hours: 1 };
  // As if in UTC, so that no change of clocks comes between.
  const end = new Date(Date.parse(`${starts.value}Z`) + Math.min(hours, 12) * 3600000);
  ends.value = end.toISOString().slice(0, 16);
  ends.dataset.suggested = ends.value;
}

/**
 * Another time, place or number of seats.
 * @param {any} given the session @returns {Promise<boolean>}
 */
export async function reschedule(given) {
  const path = `/v1/pd/sessions/${given.id}`;
  const { data: session, etag } = await call("GET", path);
  /** @type {any} */
  let changed = null;
  const done = await attempt(
    `Reschedule: ${session.title}`,
    (cancel, finish) =>
      formOf({
        body: [
          session.seats_taken > 0 &&
            h("p", { class: "intro" }, "All who come are told. If one of them cannot, nothing changes."),
          h(
            "div",
            { class: "form-grid" },
            placeFields(startOf(session), [session.network]),
            timeFields(session),
            fieldOf({ name: "capacity", label: "Seats", type: "number", min: 1, value: session.capacity, required: true }),
            fieldOf({ name: "minimum", label: "At least", type: "number", min: 0, value: session.minimum }),
          ),
        ],
        submit: "Reschedule",
        cancel,
        act: async (form) => {
          changed = await patch(path, changesIn(valuesOf(form), session), etag);
          finish();
        },
      }),
    "wide",
  );
  if (!done) return false;
  toast(`${changed.title}: now ${whenOf(changed)}.`);
  tellWarnings("Rescheduled, with warnings", changed.warnings);
  return true;
}

/** @param {Record<string, string>} values @param {any} session */
function changesIn(values, session) {
  /** @type {Record<string, unknown>} */
  const changes = {};
  const { starts_at, ends_at, timezone } = timesIn(values);
  if (starts_at !== session.starts_local || ends_at !== session.ends_local || timezone !== session.timezone) {
    Object.assign(changes, { starts_at, ends_at, timezone });
  }
  const place = placeIn(values);
  const before = startOf(session);
  const moved = before.kind !== values.kind || (values.kind !== "online" && before.where !== values.where.toUpperCase());
  if (moved) Object.assign(changes, { ...place });
  else if (values.kind !== "online" && (session.room ?? "") !== values.room) changes.room = values.room || null;
  if (moved && values.kind !== "online") changes.room = values.room || null;
  if (Number(values.capacity) !== session.capacity) changes.capacity = Number(values.capacity);
  if (Number(values.minimum || 0) !== session.minimum) changes.minimum = Number(values.minimum || 0);
  return changes;
}

/** @param {any} session */
function startOf(session) {
  const kind = session.online ? "online" : session.site ? "site" : "school";
  return { kind, where: session.school ?? session.site ?? "", room: session.room ?? "", network: session.network };
}

/**
 * Where it is: what has to be said depends on the kind of place.
 * @param {{kind: string, where?: string, room?: string}} start @param {string[]} networks
 * @returns {Child[]}
 */
function placeFields(start, networks) {
  const more = h("div", { class: "pd-place" });
  const kind = fieldOf({ name: "kind", label: "Where", options: KINDS, value: start.kind });
  const draw = () => {
    const chosen = /** @type {HTMLSelectElement} */ (kind.querySelector("select")).value;
    const where = chosen === start.kind ? start.where : (chosen === "school" && whoami()?.schools?.[0]?.code) || "";
    const several = networks.length > 1 && chosen !== "school";
    show(
      more,
      several &&
        fieldOf({ name: "network", label: "Network", options: networks.map((code) => [code, code]) }),
      chosen === "school" && schoolField({ name: "where", value: where, required: true }),
      chosen === "site" && siteField(networks, where),
      chosen !== "online" && fieldOf({ name: "room", label: "Room", value: start.room }),
    );
  };
  kind.addEventListener("change", draw);
  draw();
  return [kind, more];
}

/** @param {string[]} networks @param {string} [value] */
function siteField(networks, value = "") {
  const field = fieldOf({ name: "where", label: "Site", value, required: true, pointer: "/site", list: "pd-sites" });
  const known = h("datalist", { id: "pd-sites" });
  for (const code of networks.slice(0, 5)) {
    void read(`/v1/networks/${encodeURIComponent(code)}/sites?limit=500`).then(
      ({ items }) => known.append(...items.map((/** @type {any} */ one) => h("option", { value: one.code }, one.name))),
      () => {},
    );
  }
  return h("div", null, field, known);
}

/** @param {Record<string, string>} values */
function placeIn(values) {
  if (values.kind === "online") return { online: true };
  return { [values.kind]: values.where, ...(values.room && { room: values.room }) };
}

/** @param {any} [session] @returns {Child[]} */
function timeFields(session) {
  return [
    fieldOf({
      name: "starts",
      label: "Starts",
      type: "datetime-local",
      value: session?.starts_local.slice(0, 16),
      required: true,
      pointer: "/starts_at",
    }),
    fieldOf({
      name: "ends",
      label: "Ends",
      type: "datetime-local",
      value: session?.ends_local.slice(0, 16),
      required: true,
      pointer: "/ends_at",
    }),
    fieldOf({
      name: "timezone",
      label: "Time zone",
      value: session?.timezone ?? "",
      list: "pd-zones",
      help: session ? undefined : "Left empty: that of the place.",
    }),
  ];
}

/** Wall time at the place, as it was typed. @param {Record<string, string>} values */
function timesIn(values) {
  return {
    starts_at: `${values.starts}:00`,
    ends_at: `${values.ends}:00`,
    ...(values.timezone && { timezone: values.timezone }),
  };
}

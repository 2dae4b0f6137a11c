// Adding a vendor, and changing what can change of one.

import { call, readAll, send } from "../api.js";
import { ask } from "../dialogs.js";
import { h } from "../dom.js";
import { fieldOf } from "../forms.js";
import { toast } from "../toasts.js";
import { sentence } from "../words.js";
import { showSecret } from "./vendor-acts.js";

/** @type {[string, string][]} */
const SCHEMES = [
  ["standard", "Standard Webhooks"],
  ["easypost", "EasyPost"],
  ["shippo", "Shippo"],
  ["aftership", "AfterShip"],
  ["17track", "17TRACK"],
  ["shipengine", "ShipEngine"],
];
/** @type {[string, string][]} */
const KINDS = [["seller", "Seller: has orders of its own"], ["tracker", "Tracker: reports for sellers"]];

/** @param {string} scheme @returns {string} */
export function schemeWord(scheme) {
  return SCHEMES.find(([name]) => name === scheme)?.[1] ?? sentence(scheme);
}

/** @returns {Promise<boolean>} whether there is a new one */
export async function addVendor() {
  /** @type {any} */
  let made = null;
  const tracks = tracksField(await readAll("/v1/vendors"), []);
  const secret = fieldOf({
    name: "secret",
    label: "Secret",
    help: "As the vendor shows it. Empty: one is made, for Standard Webhooks only.",
  });
  const keys = keysField();
  const fit = (/** @type {string} */ kind, /** @type {string} */ scheme) => {
    tracks.hidden = kind !== "tracker";
    secret.hidden = scheme === "shipengine";
    keys.hidden = scheme !== "shipengine";
  };
  fit("seller", "standard");
  const done = await ask({
    title: "Add a vendor",
    fields: [
      { name: "name", label: "Name", required: true },
      {
        name: "slug",
        label: "Short name",
        required: true,
        help: "Part of its URL: small letters, digits and hyphens. It is for good.",
      },
      { name: "kind", label: "Kind", options: KINDS },
      tracks,
      { name: "scheme", label: "Signs its events as", options: SCHEMES },
      secret,
      keys,
    ],
    submit: "Add vendor",
    oninput: (event) => {
      const form = /** @type {HTMLElement} */ (event.target).closest("form");
      if (!form) return;
      const data = new FormData(form);
      fit(String(data.get("kind")), String(data.get("scheme")));
    },
    act: async (values, form) => {
      made = await send("/v1/vendors", vendorIn(values, chosenIn(form)));
    },
  });
  if (done && made.secret) await showSecret(made.vendor, made.secret, null);
  return done;
}

/** @param {Record<string, string>} values @param {string[]} tracks */
function vendorIn({ name, slug, scheme, kind, secret, public_keys: keys }, tracks) {
  return {
    name,
    slug,
    scheme,
    kind,
    tracks: kind === "tracker" ? tracks : [],
    ...(secret && scheme !== "shipengine" && { secret }),
    ...(keys && scheme === "shipengine" && { public_keys: parsed(keys) }),
  };
}

/** @param {any} vendor @returns {Promise<boolean>} */
export async function editVendor(vendor) {
  const [{ data: now, etag }, vendors] = await Promise.all(
    [call("GET", `/v1/vendors/${vendor.slug}`), readAll("/v1/vendors")],
  );
  const isTracker = now.kind === "tracker";
  const signsWithKeys = now.scheme === "shipengine";
  return ask({
    title: `Edit ${now.name}`,
    intro: h(
      "p",
      { class: "fine" },
      `${now.slug}: a ${now.kind} that signs as ${schemeWord(now.scheme)}. These three are for good.`,
    ),
    fields: [
      { name: "name", label: "Name", required: true, value: now.name },
      ...(isTracker ? [tracksField(vendors, now.tracks)] : []),
      ...(signsWithKeys ? [keysField(JSON.stringify(now.public_keys, null, 2))] : []),
    ],
    submit: "Save",
    act: async ({ name, public_keys: keys }, form) => {
      const body = {
        name,
        ...(isTracker && { tracks: chosenIn(form) }),
        ...(signsWithKeys && { public_keys: parsed(keys) }),
      };
      await call("PATCH", `/v1/vendors/${now.slug}`, { body, etag });
      toast(`${name}: saved.`);
    },
  });
}

/** @param {any[]} vendors @param {string[]} chosen @returns {HTMLElement} */
function tracksField(vendors, chosen) {
  const sellers = vendors.filter((one) => one.kind === "seller");
  return h(
    "fieldset",
    { class: "field choices" },
    h("legend", null, "Sellers it reports for"),
    sellers.length === 0 && h("p", { class: "fine" }, "There is no seller yet."),
    sellers.map((one, at) =>
      h(
        "label",
        { class: "check" },
        h("input", {
          type: "checkbox",
          name: "tracks",
          value: one.slug,
          checked: chosen.includes(one.slug),
          dataset: { pointer: at === 0 ? "/tracks" : null },
        }),
        one.name,
      ),
    ),
  );
}

/** @param {HTMLFormElement} form @returns {string[]} */
function chosenIn(form) {
  return new FormData(form).getAll("tracks").map(String);
}

/** @param {string} [value] */
function keysField(value) {
  return fieldOf({
    name: "public_keys",
    label: "Public keys",
    type: "area",
    rows: 6,
    value,
    help: "Of ShipEngine instead of a secret: the JWKS it publishes.",
  });
}

/** What is no JSON is sent as it is: the service says what is wrong. @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

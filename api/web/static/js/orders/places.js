// Where an order's pieces are or go: its schools, and the sites of its network.

import { readAll } from "../api.js";
import { h, uid } from "../dom.js";
import { fieldOf } from "../forms.js";
import { placesOf } from "./lines.js";

/** The codes of the sites of an order's network. @param {any} order @returns {Promise<string[]>} */
export async function sitesOf(order) {
  const sites = await readAll(`/v1/networks/${encodeURIComponent(order.network)}/sites`);
  return sites.map((one) => one.code);
}

/**
 * A field for a school's or a site's code.
 * @param {any} order @param {string[]} sites @returns {HTMLElement}
 */
export function placeField(order, sites) {
  const list = uid("places");
  const places = placesOf(order);
  const schools = places.flatMap((place) => place.school ?? []);
  return h(
    "div",
    null,
    fieldOf({
      name: "place",
      label: "Goes to",
      list,
      required: true,
      value: places.length === 1 ? places[0].place : "",
      pointer: "/school /site",
      help: `The code of a school${sites.length ? `, or of a site: ${sites.slice(0, 5).join(", ")}.` : "."}`,
    }),
    h("datalist", { id: list }, [...schools, ...sites].map((code) => h("option", { value: code }))),
  );
}

/** @param {string} code as typed @param {string[]} sites */
export function placeIn(code, sites) {
  const site = sites.find((one) => one.toUpperCase() === code.toUpperCase());
  return site ? { site } : { school: code };
}

/**
 * A field that adds a row for a place that the order does not name.
 * @param {string} label @param {(code: string) => HTMLElement|undefined} add draws the row, and gives
 *   its first input; nothing where there is that row already
 * @returns {HTMLElement}
 */
export function anotherPlace(label, add) {
  const id = uid("place");
  const input = /** @type {HTMLInputElement} */ (h("input", { id, autocomplete: "off" }));
  const onclick = () => {
    const first = add(input.value.trim().toUpperCase());
    if (!first) return;
    input.value = "";
    first.focus();
  };
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    onclick();
  });
  return h(
    "div",
    { class: "form-row" },
    h("div", { class: "field" }, h("label", { for: id }, label), input),
    h("button", { type: "button", class: "button", onclick }, "Add it"),
  );
}

/** As a body names it. @param {import("./lines.js").Place} place */
export function placeBody(place) {
  return place.school === null ? { site: place.site } : { school: place.school };
}

/** What of a line is at a place now. @param {import("./lines.js").Place} place @param {string} sku */
export function thereOf(place, sku) {
  return place.lines.get(sku)?.there ?? 0;
}

/** Places that have something. @param {any} order */
export function stockedPlaces(order) {
  return placesOf(order).filter((place) => [...place.lines.values()].some((one) => one.there > 0));
}

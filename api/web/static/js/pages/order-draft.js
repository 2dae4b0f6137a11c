// A page for drawing up an order, and for changing it while it is a draft.

import { Problem, call, isAbort, readAll } from "../api.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { draftForm } from "../orders/draft.js";
import { problemBox } from "../problems.js";

// So many schools are offered while their codes are typed; any other is typed in full.
const OFFERED = 1000;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ params, signal, rename }) {
  const place = h("div", null, h("p", { role: "status" }, "Reading."));
  const back = params.order
    ? h("a", { href: `/orders/${params.order}` }, icon("back"), "The order")
    : h("a", { href: "/orders" }, icon("back"), "Orders");
  const heading = h("h1", null, params.order ? "Edit the order" : "Draw up an order");
  const begin = async () => {
    try {
      const ground = await readGround(params.order, signal);
      if (ground.order) {
        heading.textContent = `Edit ${ground.order.number}`;
        rename(heading.textContent);
      }
      show(place, bodyOf(ground));
    } catch (error) {
      if (isAbort(error)) return;
      const gone = error instanceof Problem && error.status === 404;
      show(place, problemBox(error, gone ? {} : { retry: begin }));
    }
  };
  void begin();
  return {
    node: h(
      "div",
      { class: "page draft-page" },
      h("p", { class: "crumbs" }, back),
      heading,
      place,
    ),
  };
}

/** @param {import("../orders/draft.js").Ground} ground */
function bodyOf(ground) {
  const { order, vendors } = ground;
  if (order && order.state !== "draft") {
    return h(
      "p",
      { class: "notice" },
      `${order.number} is no draft any more: its allocations and promises have buttons of their own.`,
      h("a", { href: `/orders/${order.id}` }, "Go to the order"),
    );
  }
  if (!vendors.length) {
    return h("p", { class: "notice" }, "No vendor sells anything yet.", h("a", { href: "/vendors" }, "Add one"));
  }
  return draftForm(ground);
}

/**
 * @param {string|undefined} id @param {AbortSignal} signal
 * @returns {Promise<import("../orders/draft.js").Ground>}
 */
async function readGround(id, signal) {
  const [vendors, networks, schools, answer] = await Promise.all([
    readAll("/v1/vendors", signal),
    readAll("/v1/networks", signal),
    call("GET", `/v1/schools?limit=${OFFERED}`, { signal }),
    id ? call("GET", `/v1/orders/${encodeURIComponent(id)}`, { signal }) : null,
  ]);
  return {
    vendors: vendors.filter((one) => one.kind === "seller").map((one) => [one.slug, one.name]),
    networks: networks.map((one) => [one.code, one.name]),
    schools: schools.data.items.map((/** @type {any} */ one) => one.code),
    order: answer?.data,
    etag: answer?.etag,
  };
}

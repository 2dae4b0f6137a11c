// What a vendor's deliveries have taught: how long each sku takes, and how far promises slip.

import { readAll, send } from "../api.js";
import { moment, plural } from "../dates.js";
import { openDialog } from "../dialogs.js";
import { h, show } from "../dom.js";
import { problemBox } from "../problems.js";
import { toast } from "../toasts.js";
import { busyButton, figure, tableOf } from "./parts.js";

/** @param {any} vendor @param {boolean} manages whether the reader may let it be learned now */
export async function leadTimes(vendor, manages) {
  const path = `/v1/vendors/${vendor.slug}/lead-times`;
  const rows = await readAll(path);
  const place = h("div", { class: "form" });
  const trouble = h("div", null);
  show(place, ...partsOf(rows));
  const learn = async () => {
    const { changed } = await send(path);
    show(place, ...partsOf(await readAll(path)));
    toast(`${vendor.name}: ${plural(changed, "sku")} with other lead times now.`);
  };
  openDialog(
    `Lead times of ${vendor.name}`,
    (close) => [
      h("p", { class: "fine" }, "In working days, learned every night from what was promised and what was counted."),
      place,
      trouble,
      h(
        "div",
        { class: "form-end" },
        h("button", { type: "button", class: "button", onclick: close }, "Close"),
        manages && busyButton("Learn now", learn, trouble),
      ),
    ],
    { size: "wide" },
  );
}

/** @param {any[]} rows */
function partsOf(rows) {
  if (!rows.length) {
    return [h("p", { class: "empty" }, "Nothing was learned yet: no delivery of this vendor was counted in full.")];
  }
  return [
    tableOf(
      "Lead times by sku",
      [
        { head: "SKU" },
        { head: "From order to count", number: true },
        { head: "Four of five slip at most", number: true },
        { head: "Deliveries", number: true },
        { head: "Learned" },
      ],
      rows.map((one) => ({
        cells: [
          one.sku,
          plural(one.lead_days, "day"),
          plural(one.spread_days, "day"),
          figure(one.samples),
          moment(one.learned_at),
        ],
      })),
    ),
  ];
}

// What a person can do to events: say what one is about, and let them be applied again.

import { send } from "../api.js";
import { plural } from "../dates.js";
import { ask } from "../dialogs.js";
import { toast } from "../toasts.js";

/** @param {any} event @param {any} suggestion its shipment where there is one, else its order */
export async function matchEvent(event, suggestion) {
  const { order_id: order, shipment_id: shipment } = suggestion;
  await send(`/v1/webhook-events/${event.id}/match`, shipment ? { shipment } : { order });
  toast(`Matched to ${suggestion.order_number}: it is applied now.`);
}

/** @param {any} event */
export async function replayEvent(event) {
  await send(`/v1/webhook-events/${event.id}/replay`);
  toast("It is applied again.");
}

/** @param {[string, string][]} vendors @param {string} vendor the chosen one, if any */
export function replaySince(vendors, vendor) {
  return ask({
    title: "Replay all since",
    intro: "They are applied again, as after mending what made them fail. Nothing counts twice.",
    fields: [
      { name: "vendor", label: "Vendor", options: vendors, value: vendor },
      { name: "since", label: "Received since", type: "datetime-local", required: true },
      {
        name: "outcome",
        label: "Outcome",
        value: "failed",
        options: [["failed", "Failed"], ["unmatched", "Unmatched"], ["", "Any"]],
      },
    ],
    submit: "Replay",
    act: async ({ vendor: slug, since, outcome }) => {
      // The field is in the reader's own zone, the service wants a moment.
      const body = { vendor: slug, since: new Date(since).toISOString(), ...(outcome && { outcome }) };
      const { replayed } = await send("/v1/webhook-events/replay", body);
      toast(`${plural(replayed, "event")} applied again.`);
    },
  });
}

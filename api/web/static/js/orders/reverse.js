// Taking back what was counted or moved: by a fact of its own, never by an edit.

import { make } from "../api.js";
import { ask } from "../dialogs.js";
import { h } from "../dom.js";
import { toast } from "../toasts.js";

/**
 * @param {"receipts"|"transfers"|"returns"} what @param {string} id @param {string} named as it is
 *   called, such as `the receipt at KIPP-ASCEND`
 * @param {string} after what is so afterwards @returns {Promise<boolean>}
 */
export function takeBack(what, id, named, after) {
  return ask({
    title: `Take back ${named}?`,
    intro: h("p", null, after),
    fields: [{ name: "note", label: "Note", type: "area" }],
    submit: "Take back",
    danger: true,
    act: async ({ note }) => {
      await make(`/v1/${what}/${id}/reverse`, note ? { note } : {});
      toast(`Taken back: ${named}.`);
    },
  });
}

// A roster dropped or chosen: first looked at, then applied.

import { call, readAll } from "../api.js";
import { h, show, uid } from "../dom.js";
import { busyButton, chooser } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { whoami } from "../session.js";

const ACCEPTED = ".csv,.ndjson,.zip,text/csv,application/zip";

/**
 * The place to drop a roster; `sent` is told of each run that begins, and whether it is a preview.
 * @param {AbortSignal} signal @param {(run: any) => void} sent
 * @returns {{node: HTMLElement, apply: () => Promise<void>, trouble: HTMLElement}}
 */
export function dropZone(signal, sent) {
  /** @type {File|null} */
  let file = null;
  const asked = { network: "", source: "default", snapshot: "" };
  const trouble = h("div", null);
  const chosen = h("p", { role: "status" }, "Nothing chosen yet.");
  const preview = busyButton("Preview", () => post("dry_run"), trouble, { primary: true });
  const picker = /** @type {HTMLInputElement} */ (
    h("input", { type: "file", id: uid("file"), accept: ACCEPTED, onchange: pick })
  );
  const network = h("div", { hidden: true });
  const zone = h(
    "section",
    { class: "drop", "aria-label": "Bring in a roster", ...dragging() },
    h("h2", null, "Bring in a roster"),
    h(
      "div",
      { class: "drop-file" },
      h("label", { for: picker.id }, "Drop a file here, or choose one: CSV, NDJSON or a zip"),
      picker,
      chosen,
    ),
    h("div", { class: "controls" }, network, sourceField(), everybody(), preview),
    trouble,
  );
  void offerNetworks();
  return { node: zone, apply: () => post("apply"), trouble };

  function pick() {
    take(picker.files?.[0] ?? null);
  }

  /** @param {File|null} given */
  function take(given) {
    if (!given) return;
    file = given;
    show(chosen, h("b", null, given.name), `, ${size(given.size)}`);
  }

  function dragging() {
    const over = (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      zone.dataset.over = "";
    };
    const leave = () => delete zone.dataset.over;
    const drop = (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      leave();
      take(event.dataTransfer?.files[0] ?? null);
    };
    return { ondragover: over, ondragleave: leave, ondrop: drop };
  }

  /** @param {string} mode */
  async function post(mode) {
    if (!file) {
      picker.focus();
      show(chosen, "Choose a file first.");
      return;
    }
    const query = new URLSearchParams({ mode, source: asked.source || "default" });
    if (asked.network) query.set("network", asked.network);
    if (asked.snapshot) query.set("snapshot", asked.snapshot);
    sent((await call("POST", `/v1/account-imports?${query}`, { file, signal })).data);
  }

  /** Who has more than one network says which the file is for. */
  async function offerNetworks() {
    if (whoami()?.network) return;
    try {
      const found = await readAll("/v1/networks", signal);
      const names = found.map((one) => /** @type {[string, string]} */ ([one.code, one.name]));
      if (names.length < 2) return;
      network.hidden = false;
      show(
        network,
        chooser("roster-network", "Network", [["", "By its schools"], ...names], "", (value) => {
          asked.network = value;
        }),
      );
    } catch (error) {
      if (!signal.aborted) show(trouble, problemBox(error));
    }
  }

  function sourceField() {
    const id = uid("source");
    const oninput = (/** @type {Event} */ event) => {
      asked.source = /** @type {HTMLInputElement} */ (event.target).value.trim();
    };
    return h(
      "div",
      { class: "control" },
      h("label", { for: id }, "Source"),
      h("input", { id, value: asked.source, autocomplete: "off", oninput }),
    );
  }

  function everybody() {
    const onchange = (/** @type {Event} */ event) => {
      asked.snapshot = /** @type {HTMLInputElement} */ (event.target).checked ? "full" : "";
    };
    return h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", onchange }),
      "It names every student",
    );
  }
}

/** @param {number} bytes */
function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

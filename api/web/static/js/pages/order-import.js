// Orders from a file: what would happen is shown before anything does.

import { Problem, call } from "../api.js";
import { plural } from "../dates.js";
import { h, show } from "../dom.js";
import { checkOf, fieldOf, formOf, valuesOf } from "../forms.js";
import { icon } from "../icons.js";
import { figure, tableOf } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { toast } from "../toasts.js";
import { listed } from "../words.js";

const EXAMPLE = `vendor,number,sku,school,quantity,line_quantity,description,unit_price_cents,counts_as,promised_on
acme,PO-118,CB-3110,KIPP-ASCEND,40,80,"Chromebook, 11 inch",24900,student_device,2027-08-02
acme,PO-118,CB-3110,KIPP-BLOOM,40,80,,,,`;

/** @returns {import("../router.js").View} */
export function open() {
  const result = h("div", { "aria-live": "polite" });
  /** @type {File|null} */
  let previewed = null;
  const name = (/** @type {string} */ word) => {
    const button = form.querySelector("[type=submit]");
    if (button) button.textContent = word;
  };
  const act = async (/** @type {HTMLFormElement} */ filled) => {
    const { files } = /** @type {HTMLInputElement} */ (filled.querySelector("[type=file]"));
    const file = files?.[0];
    if (!file) return;
    const { on_error: onError, place } = valuesOf(filled);
    const placing = place ? "&place=true" : "";
    if (previewed !== file) {
      show(result, resultOf((await post(file, `mode=dry_run${placing}`)).data));
      previewed = file;
      name("Import");
      return;
    }
    try {
      const { data } = await post(file, `on_error=${onError}${placing}`);
      show(result, resultOf(data));
      toast(`${plural(data.rows.created + data.rows.updated, "row")} imported.`);
    } catch (error) {
      // The rows are listed already, by the preview.
      if (!(error instanceof Problem) || error.code !== "import-aborted") throw error;
      result.prepend(problemBox(error, { errors: [] }));
      return;
    }
    previewed = null;
    name("Preview");
  };
  const form = formOf({
    body: [
      h("div", { class: "form-grid" }, ...fields()),
      result,
    ],
    submit: "Preview",
    oninput: ({ target }) => {
      if (!(target instanceof HTMLInputElement)) return;
      previewed = null;
      show(result);
      name("Preview");
    },
    act,
  });
  return { node: pageOf(form) };
}

/** @param {HTMLElement} form */
function pageOf(form) {
  return h(
    "div",
    { class: "page draft-page" },
    h("p", { class: "crumbs" }, h("a", { href: "/orders" }, icon("back"), "Orders")),
    h("h1", null, "Import orders"),
    h("p", { class: "lead" }, "A CSV file with a row for each line and school. Sent again, it changes what is new in it."),
    form,
    h(
      "details",
      { class: "more" },
      h("summary", null, "What the file looks like"),
      h("p", null, "The first five columns are required, in any order. Once an order is approved, only its allocations and promises follow the file."),
      h("pre", { class: "redacted", tabindex: 0, "aria-label": "An example" }, EXAMPLE),
    ),
  );
}

function fields() {
  return [
    fieldOf({ name: "file", label: "File", type: "file", required: true }),
    fieldOf({
      name: "on_error",
      label: "Rows with problems",
      options: [["skip", "Leave them out"], ["abort", "Then import nothing at all"]],
    }),
    checkOf({
      name: "place",
      label: "Place the drafts that it names",
      help: "Only when no row has a problem.",
    }),
  ];
}

/** @param {File} file @param {string} query */
function post(file, query) {
  // What a CSV file is called differs from one computer to the next.
  return call("POST", `/v1/orders/import?${query}`, { file: file.slice(0, file.size, "text/csv") });
}

/** @param {any} answer */
function resultOf(answer) {
  const { mode, rows, issues, issues_left_out: more } = answer;
  const counts = ["created", "updated", "unchanged", "rejected"].map((word) => `${figure(rows[word])} ${word}`);
  return h(
    "section",
    { class: "panel" },
    h("h2", null, mode === "dry_run" ? "What would happen" : "Imported"),
    h("p", null, `${plural(rows.total, "row")}: ${counts.join(", ")}.`),
    placedOf(answer),
    issues.length > 0 && tableOf(
      "Rows with problems",
      [{ head: "Row" }, { head: "Column" }, { head: "Says" }, { head: "Expected" }],
      issues.map((/** @type {any} */ one) => ({
        cells: [`Row ${one.row}`, one.column ?? "–", one.got ?? "–", one.expected],
      })),
    ),
    more > 0 && h("p", { class: "fine" }, `And ${figure(more)} more.`),
    mode === "apply" && h("p", null, h("a", { href: "/orders" }, "Go to the orders")),
  );
}

/** What is placed with it, and why some stays a draft; nothing where nobody asked. */
function placedOf(/** @type {any} */ { mode, placed = [], left_draft: left = [] }) {
  const numbers = placed.map((/** @type {any} */ one) => one.number);
  return [
    numbers.length > 0 && h("p", null, `${mode === "dry_run" ? "Would be placed" : "Placed"}: ${listed(numbers)}.`),
    left.map((/** @type {any} */ one) => h("p", { class: "notice" }, `${one.number} stays a draft: ${one.why}`)),
  ];
}

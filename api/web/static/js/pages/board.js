// The board: every school the reader may see, and whether it will be ready.

import { follow, known } from "../board/data.js";
import { Controls, headline, verdictCounts } from "../board/controls.js";
import { countVerdicts, filtersOf, queryOf, sorted, streamsOf, within } from "../board/model.js";
import { BoardTable } from "../board/table.js";
import { plural } from "../dates.js";
import { h, show } from "../dom.js";
import { problemBox } from "../problems.js";
import { note } from "../router.js";

/** Where the reader was, for when they come back from a school. */
const left = { query: "", scroll: 0, id: "" };

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ query, signal }) {
  let filters = filtersOf(query);
  const title = h("h1", null, "Board");
  const counts = h("div", null);
  const trouble = h("div", null);
  const result = h("p", { class: "fine result", role: "status" });
  const empty = h("div", { class: "empty", hidden: true });
  const change = (/** @type {Partial<import("../board/model.js").Filters>} */ part) => {
    filters = { ...filters, ...part };
    const text = queryOf(filters).toString();
    note(text ? `/?${text}` : "/");
    draw();
  };
  const controls = new Controls(filters, change);
  const table = new BoardTable({
    signal,
    sort: (column) => change({ sort: filters.sort === column ? `-${column}` : column }),
  });
  const toggle = (/** @type {string} */ verdict) => {
    const verdicts = new Set(filters.verdicts);
    if (!verdicts.delete(verdict)) verdicts.add(verdict);
    const again = counts.contains(document.activeElement);
    change({ verdicts });
    if (again) focusCount(counts, verdict);
  };
  const draw = () => {
    const rows = known();
    if (!rows) return;
    const streams = streamsOf(rows);
    const candidates = within(rows, filters);
    const totals = countVerdicts(candidates);
    const chosen = filters.verdicts;
    const shown = chosen.size ? candidates.filter((row) => chosen.has(row.verdict)) : candidates;
    title.textContent = rows.length ? headline(totals) : "No schools yet.";
    show(counts, verdictCounts(totals, chosen, toggle));
    controls.fill(filters, rows, streams);
    const said = shown.length === rows.length ? plural(rows.length, "school") : `${shown.length.toLocaleString("en")} of ${plural(rows.length, "school")}`;
    if (result.textContent !== said) result.textContent = said;
    empty.hidden = shown.length > 0;
    table.node.hidden = shown.length === 0;
    show(
      empty,
      rows.length ? nothing(
        () => change({ q: "", network: "", wave: "", verdicts: new Set() }),
      ) : noSchools(),
    );
    table.set(sorted(shown, filters.sort), streams, filters.sort);
  };
  const again = follow(signal, (error) => {
    if (error) show(trouble, problemBox(error, { retry: () => again() }));
    else {
      show(trouble);
      draw();
    }
  });
  signal.addEventListener("abort", () => {
    Object.assign(
      left,
      {
        query: queryOf(filters).toString(),
        scroll: scrollY,
        id: table.rows[table.active]?.school.id ?? "",
      },
    );
  });
  if (!known()) show(empty, h("p", { role: "status" }, "Reading the board."));
  empty.hidden = known() !== null;
  table.node.hidden = known() === null;
  const node = h(
    "div",
    { class: "page board-page" },
    h("div", { class: "board-head" }, title, counts),
    controls.node,
    result,
    trouble,
    table.node,
    empty,
  );
  return {
    node,
    shown: () => {
      draw();
      comeBack(table, queryOf(filters).toString());
    },
    renew: (next) => {
      filters = filtersOf(next);
      draw();
      return true;
    },
  };
}

/** @param {BoardTable} table @param {string} query */
function comeBack(table, query) {
  if (!known() || left.query !== query || !left.id) return;
  const index = table.rows.findIndex((row) => row.school.id === left.id);
  if (index < 0) return;
  scrollTo({ top: left.scroll, behavior: "instant" });
  table.focus(index, { scroll: false });
}

/** @param {HTMLElement} counts @param {string} verdict */
function focusCount(counts, verdict) {
  const button = counts.querySelector(`button[data-verdict="${CSS.escape(verdict)}"]`);
  if (button instanceof HTMLElement) button.focus();
}

/** @param {() => void} clear */
function nothing(clear) {
  return [
    h("p", null, "No school matches these filters."),
    h("button", { type: "button", class: "button", onclick: clear }, "Show all schools"),
  ];
}

function noSchools() {
  return h(
    "p",
    null,
    "Schools come in by ",
    h("code", null, "POST /v1/schools/import"),
    " or one by one; the ",
    h("a", { href: "/docs" }, "API documentation"),
    " says how.",
  );
}

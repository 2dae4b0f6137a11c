// The service's terms as people read them.

/** From worst to best; the board sorts and counts in this order. */
export const VERDICTS = /** @type {const} */ ([
  "late",
  "lapsed",
  "at_risk",
  "on_track",
  "ready",
  "unscheduled",
  "unplanned",
]);

/** @type {Record<string, string>} */
const VERDICT_WORDS = {
  late: "Late",
  lapsed: "Lapsed",
  at_risk: "At risk",
  on_track: "On track",
  ready: "Ready",
  unscheduled: "No first bell",
  unplanned: "No plan",
};

/** @param {string} name @returns {string} */
export function verdictWord(name) {
  return VERDICT_WORDS[name] ?? sentence(name);
}

/** @param {string} name @returns {number} smaller is worse */
export function verdictRank(name) {
  const rank = VERDICTS.indexOf(/** @type {never} */ (name));
  return rank < 0 ? VERDICTS.length : rank;
}

const STREAMS = ["devices", "infrastructure", "accounts", "pd", "change"];
/** @type {Record<string, string>} */
const STREAM_WORDS = { pd: "Training", infrastructure: "Infrastructure" };

/** @param {string} slug @returns {string} */
export function streamWord(slug) {
  return STREAM_WORDS[slug] ?? sentence(slug);
}

/** For column heads. @param {string} slug @returns {string} */
export function streamShort(slug) {
  return slug === "infrastructure" ? "Infra" : streamWord(slug);
}

/** The known workstreams in their order, then any other. @param {Iterable<string>} slugs */
export function orderStreams(slugs) {
  const given = new Set(slugs);
  const others = [...given].filter((slug) => !STREAMS.includes(slug)).sort();
  return [...STREAMS.filter((slug) => given.has(slug)), ...others];
}

/** @param {string|null|undefined} model @returns {string} */
export function modelWord(model) {
  if (!model) return "No model yet";
  return model === "one_to_one" ? "One to one" : sentence(model);
}

export const MODELS = [
  "station_rotation",
  "lab_rotation",
  "flexible",
  "individual_rotation",
  "one_to_one",
];

/** `school_lead` as `School lead`. @param {string} slug @returns {string} */
export function sentence(slug) {
  const words = slug.replaceAll("_", " ").replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {string[]} items @returns {string} `a, b and c` */
export function listed(items) {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
}

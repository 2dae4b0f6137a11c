// What changes elsewhere arrives here: server-sent events, or asking now and then without them.

/** @typedef {{all: boolean, schools: Set<string>}} Change */

const ASK_EVERY = 30000;
const LONGEST_PAUSE = 60000;
// What is told within this time is passed on together: a bulk action changes many schools at once.
const GATHER = 250;

/** @type {Set<(change: Change) => void>} */
const listeners = new Set();
/** @type {Set<() => void>} */
const inboxListeners = new Set();
/** @type {(state: string) => void} */
let watcher = () => {};
/** @type {EventSource|null} */
let source = null;
let state = "off";
let failures = 0;
let retry = 0;
let polling = 0;
let gathering = 0;
/** @type {Change} */
let gathered = { all: false, schools: new Set() };

/** @param {(change: Change) => void} listener @param {AbortSignal} signal ends it */
export function onChange(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
}

/**
 * Events of vendors were settled, also such as moved no school.
 * @param {() => void} listener @param {AbortSignal} signal ends it
 */
export function onInbox(listener, signal) {
  inboxListeners.add(listener);
  signal.addEventListener("abort", () => inboxListeners.delete(listener));
}

/**
 * A function that has `run` called in a while: once, however often it is called meanwhile.
 * @param {() => unknown} run @param {number} wait in milliseconds @param {AbortSignal} signal ends it
 */
export function soon(run, wait, signal) {
  let later = 0;
  signal.addEventListener("abort", () => clearTimeout(later));
  return () => {
    if (signal.aborted) return;
    later ||= window.setTimeout(() => {
      later = 0;
      void run();
    }, wait);
  };
}

/**
 * One at a time, since the frame is drawn anew for every page.
 * @param {(state: string) => void} told `live`, `polling` or `off`, now and from now on
 */
export function watch(told) {
  watcher = told;
  watcher(state);
}

/** @param {string} next */
function become(next) {
  if (next === state) return;
  state = next;
  watcher(state);
}

/** Listen, and keep listening. */
export function connect() {
  if (source) return;
  source = new EventSource("/v1/events");
  source.addEventListener("open", opened);
  source.addEventListener("school changed", heard);
  source.addEventListener("inbox changed", passInbox);
  source.addEventListener("error", failed);
}

/** Stop listening: nobody is signed in. */
export function disconnect() {
  source?.close();
  source = null;
  clearTimeout(retry);
  clearInterval(polling);
  polling = 0;
  failures = 0;
  become("off");
}

function opened() {
  // After a gap nobody knows what was missed.
  if (failures > 0 || polling) pass({ all: true, schools: new Set() });
  failures = 0;
  clearInterval(polling);
  polling = 0;
  become("live");
}

function failed() {
  failures += 1;
  if (!polling) {
    polling = window.setInterval(() => pass({ all: true, schools: new Set() }), ASK_EVERY);
  }
  become("polling");
  // The browser reconnects by itself after a lost connection, but not after a refusal.
  if (source?.readyState !== EventSource.CLOSED) return;
  source = null;
  clearTimeout(retry);
  retry = window.setTimeout(connect, Math.min(LONGEST_PAUSE, 1000 * 2 ** failures));
}

/** @param {MessageEvent} event its data names schools' ids, or `*` for any */
function heard(event) {
  const ids = idsOf(event.data);
  if (ids === null) gathered.all = true;
  else for (const id of ids) gathered.schools.add(id);
  if (gathering) return;
  gathering = window.setTimeout(() => {
    gathering = 0;
    const change = gathered;
    gathered = { all: false, schools: new Set() };
    pass(change);
  }, GATHER);
}

/** @param {string} text @returns {string[]|null} null: any school */
function idsOf(text) {
  try {
    const data = JSON.parse(text);
    const ids = Array.isArray(data) ? data : (data?.schools ?? data);
    return Array.isArray(ids) && !ids.includes("*") ? ids.map(String) : null;
  } catch {
    return text && text !== "*" ? text.split(/[\s,]+/) : null;
  }
}

/** @param {Change} change */
function pass(change) {
  for (const listener of listeners) listener(change);
  if (change.all) passInbox();
}

function passInbox() {
  for (const listener of inboxListeners) listener();
}

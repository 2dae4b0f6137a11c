// The one place that talks to the service.

/**
 * @typedef {{pointer?: string, code?: string, detail: string, in?: string}} FieldError
 * @typedef {{data: any, etag: string|null, next: string|null}} Answer
 */

/** What the service refused, as it said it (RFC 9457); status 0 when it could not be reached. */
export class Problem extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    super(body?.detail || body?.title || `The service answered ${status}.`);
    this.status = status;
    /** @type {string} */
    this.code = body?.code ?? "";
    /** @type {FieldError[]} */
    this.errors = body?.errors ?? [];
    /** @type {string} */
    this.requestId = body?.request_id ?? "";
    this.body = body ?? {};
  }
}

/** @type {() => void} */
let signedOut = () => {};

/** What to do when the service no longer knows us. @param {() => void} act */
export function onSignedOut(act) {
  signedOut = act;
}

/**
 * @typedef {{body?: unknown, file?: Blob, etag?: string|null, signal?: AbortSignal,
 *   quiet?: boolean, once?: string}} Asked
 *   `file` is sent as it is, in place of a body; `quiet`: a 401 is the caller's business; `once`:
 *   sent again with it, it happens once
 */

/**
 * @param {string} method @param {string} path @param {Asked} [options]
 * @returns {Promise<Answer>}
 * @throws {Problem} and `AbortError` when `signal` says so
 */
export async function call(method, path, options = {}) {
  const response = await answerTo(method, path, options);
  const data = response.status === 204 ? null : await response.json();
  return { data, etag: response.headers.get("etag"), next: nextOf(response.headers.get("link")) };
}

/**
 * What is answered with a file.
 * @param {string} method @param {string} path @param {Asked} [options]
 * @returns {Promise<{blob: Blob, name: string, headers: Headers}>}
 * @throws {Problem} and `AbortError` when `signal` says so
 */
export async function fetchFile(method, path, options = {}) {
  const response = await answerTo(method, path, { ...options, accept: "*/*" });
  const said = response.headers.get("content-disposition") ?? "";
  const name = /filename="([^"]+)"/.exec(said)?.[1] ?? "firstbell";
  return { blob: await response.blob(), name, headers: response.headers };
}

/**
 * @param {string} method @param {string} path @param {Asked & {accept?: string}} options
 * @returns {Promise<Response>} a success
 */
async function answerTo(method, path, options) {
  /** @type {Record<string, string>} */
  const headers = { Accept: options.accept ?? "application/json" };
  if (options.body !== undefined) {
    headers["Content-Type"] = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  }
  if (options.file) headers["Content-Type"] = options.file.type || "application/octet-stream";
  if (options.etag) headers["If-Match"] = options.etag;
  if (options.once) headers["Idempotency-Key"] = options.once;
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: options.file ?? (options.body === undefined ? undefined : JSON.stringify(options.body)),
      signal: options.signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(
      0,
      { detail: "FirstBell cannot be reached. Check the connection, then try again." },
    );
  }
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    const named = { request_id: response.headers.get("x-request-id") ?? "", ...body };
    if (response.status === 401 && !options.quiet) signedOut();
    throw new Problem(response.status, named);
  }
  return response;
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
export async function read(path, signal) {
  return (await call("GET", path, { signal })).data;
}

/**
 * Every item of a list, page after page.
 * @param {string} path @param {AbortSignal} [signal] @returns {Promise<any[]>}
 */
export async function readAll(path, signal) {
  const items = [];
  /** @type {string|null} */
  let next = `${path}${path.includes("?") ? "&" : "?"}limit=1000`;
  while (next) {
    const answer = await call("GET", next, { signal });
    items.push(...answer.data.items);
    next = answer.next;
  }
  return items;
}

/** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export async function send(path, body = {}) {
  return (await call("POST", path, { body })).data;
}

/** @type {{text: string, key: string}} */
let sent = { text: "", key: "" };

/**
 * What makes something: the same sent again after a lost answer happens once.
 * @param {string} path @param {unknown} body @param {string|null} [etag] of what it is added to
 * @returns {Promise<any>}
 */
export async function make(path, body, etag) {
  const text = `${path} ${JSON.stringify(body)}`;
  if (text !== sent.text) sent = { text, key: randomKey() };
  const { data } = await call("POST", path, { body, etag, once: sent.key });
  sent = { text: "", key: "" };
  return data;
}

/** `crypto.randomUUID` is missing where a page came without https. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(16)).join("-");
}

/** The path of the next page, on our own origin whatever the header's host says. */
function nextOf(/** @type {string|null} */ link) {
  const found = /<([^>]+)>;\s*rel="next"/.exec(link ?? "");
  if (!found) return null;
  const url = new URL(found[1], location.origin);
  return url.pathname + url.search;
}

/** @param {unknown} error whether it only says that the page was left */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

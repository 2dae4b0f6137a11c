// Sign in: by password, by a one-time link, or at the identity provider.

import { Problem, call } from "../api.js";
import { h, show } from "../dom.js";
import { fieldOf } from "../forms.js";
import { bell } from "../icons.js";
import { problemBox } from "../problems.js";
import { go } from "../router.js";
import { become } from "../session.js";

const REFUSED_ELSEWHERE =
  "The identity provider did not let you in. Try again, or ask for an invitation.";

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ query, signal, rename }) {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  // The secret leaves the address bar and the history at once.
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  const place = h("div", { class: "sign-in-card" });
  const enter = (/** @type {any} */ me) => {
    become(me);
    return go(safe(query.get("next")), { replace: true });
  };
  if (token) {
    rename("Sign in by link");
    show(place, h("h1", null, "Signing you in"), h("p", { role: "status" }, "One moment."));
    void useLink(place, token, enter, signal);
  } else {
    show(place, passwordForm(enter, fragment.get("problem")));
    void offerOidc(place, signal);
  }
  return {
    node: h(
      "div",
      { class: "sign-in" },
      h("div", { class: "sign-in-mark" }, bell(), "FirstBell"),
      place,
    ),
  };
}

/** Only a path of ours, or a link could send people elsewhere. @param {string|null} next */
function safe(next) {
  return next && /^\/(?![/\\])/.test(next) ? next : "/";
}

/** @param {(me: any) => unknown} enter @param {string|null} problem */
function passwordForm(enter, problem) {
  const trouble = h("div", null);
  if (problem) show(trouble, problemBox(new Problem(403, { detail: REFUSED_ELSEWHERE })));
  return [
    h("h1", null, "Sign in"),
    form(
      [
        { name: "email", label: "Email", type: "email", required: true, autocomplete: "username" },
        {
          name: "password",
          label: "Password",
          type: "password",
          required: true,
          autocomplete: "current-password",
        },
      ],
      "Sign in",
      trouble,
      async (values) => enter(
        (await call("POST", "/v1/sign-in", { body: values, quiet: true })).data,
      ),
    ),
    h(
      "p",
      { class: "fine" },
      "No password yet, or forgotten? Your administrator gives you a one-time link.",
    ),
  ];
}

/**
 * @param {import("../forms.js").Field[]} fields @param {string} submit @param {HTMLElement} trouble
 * @param {(values: Record<string, string>) => Promise<unknown>} act
 */
function form(fields, submit, trouble, act) {
  const button = h("button", { type: "submit", class: "button primary" }, submit);
  const onsubmit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    button.setAttribute("disabled", "");
    try {
      await act(Object.fromEntries([...data].map(([name, value]) => [name, String(value)])));
    } catch (error) {
      show(trouble, problemBox(error));
    } finally {
      button.removeAttribute("disabled");
    }
  };
  return h("form", { class: "form", onsubmit }, fields.map(fieldOf), trouble, button);
}

/** @param {HTMLElement} place @param {AbortSignal} signal */
async function offerOidc(place, signal) {
  const ways = await call("GET", "/v1/sign-in", { signal, quiet: true }).catch(() => null);
  if (!ways?.data.oidc || signal.aborted) return;
  place.append(
    h("div", { class: "or" }, "or"),
    // A navigation and not a page of ours: the service sends the browser on.
    h("a", { class: "button", href: "/v1/sign-in/oidc" }, "Sign in with your organisation"),
  );
}

/**
 * A sign-in link opens at once; an invitation or reset first wants a password.
 * @param {HTMLElement} place @param {string} token @param {(me: any) => unknown} enter
 * @param {AbortSignal} signal
 */
async function useLink(place, token, enter, signal) {
  try {
    await enter(
      (await call("POST", "/v1/sign-in/link", { body: { token }, quiet: true, signal })).data,
    );
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Problem && error.code.startsWith("password")) {
      choosePassword(place, token, enter);
      return;
    }
    show(
      place,
      h("h1", null, "This link does not work"),
      problemBox(error),
      h("p", null, h("a", { href: "/sign-in" }, "Sign in with a password")),
    );
  }
}

/** @param {HTMLElement} place @param {string} token @param {(me: any) => unknown} enter */
function choosePassword(place, token, enter) {
  const trouble = h("div", null);
  const field = {
    name: "password",
    label: "New password",
    type: "password",
    required: true,
    autocomplete: "new-password",
    help: "At least 12 characters. A few unrelated words are good and easy to remember.",
  };
  show(
    place,
    h("h1", null, "Choose a password"),
    h("p", null, "Then you are signed in. The link works once."),
    form([field], "Save and sign in", trouble, async ({ password }) =>
      enter(
        (await call("POST", "/v1/sign-in/link", { body: { token, password }, quiet: true })).data,
      ),
    ),
  );
}

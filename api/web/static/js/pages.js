// The registry: a page is one line here and one file in pages/.
// `nav` puts it into the navigation, `right` hides it from who may not, `open` needs no sign-in.

/** @type {readonly import("./router.js").Page[]} */
export const PAGES = [
  { path: "/", title: "Board", nav: "Board", load: () => import("./pages/board.js") },
  {
    path: "/actions",
    title: "Next actions",
    nav: "Actions",
    right: "readiness:read",
    load: () => import("./pages/actions.js"),
  },
  {
    path: "/orders",
    title: "Orders",
    nav: "Orders",
    right: "orders:read",
    load: () => import("./pages/orders.js"),
  },
  {
    path: "/orders/new",
    title: "Draw up an order",
    right: "orders:write",
    load: () => import("./pages/order-draft.js"),
  },
  {
    path: "/orders/import",
    title: "Import orders",
    right: "orders:write",
    load: () => import("./pages/order-import.js"),
  },
  { path: "/orders/:order", title: "Order", load: () => import("./pages/order.js") },
  {
    path: "/orders/:order/edit",
    title: "Edit the order",
    right: "orders:write",
    load: () => import("./pages/order-draft.js"),
  },
  {
    path: "/inbox",
    title: "Inbox",
    nav: "Inbox",
    right: "orders:read",
    load: () => import("./pages/inbox.js"),
  },
  {
    path: "/vendors",
    title: "Vendors",
    nav: "Vendors",
    right: "orders:read",
    load: () => import("./pages/vendors.js"),
  },
  {
    path: "/accounts",
    title: "Accounts",
    nav: "Accounts",
    right: "accounts:read",
    load: () => import("./pages/accounts.js"),
  },
  { path: "/accounts/:run", title: "Import", load: () => import("./pages/account-import.js") },
  { path: "/pd", title: "PD", nav: "PD", right: "pd:read", load: () => import("./pages/pd.js") },
  {
    path: "/pd/coverage",
    title: "PD coverage",
    right: "pd:read",
    load: () => import("./pages/pd-coverage.js"),
  },
  {
    path: "/pd/calendars",
    title: "Calendars",
    right: "pd:read",
    load: () => import("./pages/pd-calendars.js"),
  },
  { path: "/pd/sessions/:session", title: "Session", load: () => import("./pages/pd-session.js") },
  {
    path: "/pd/sessions/:session/attendance",
    title: "Attendance",
    load: () => import("./pages/pd-attendance.js"),
  },
  { path: "/schools/:school", title: "School", load: () => import("./pages/school.js") },
  { path: "/sign-in", title: "Sign in", open: true, load: () => import("./pages/sign-in.js") },
];

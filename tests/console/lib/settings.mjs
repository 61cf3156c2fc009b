// What the journeys are told by the environment. `prepare.sh` creates the objects and prints the values.

import { fileURLToPath } from "node:url";

const required = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}: see prepare.sh`);
  return value;
};

export const settings = {
  /** The console's origin. */
  url: required("CONSOLE_URL").replace(/\/$/, ""),
  /** The namespace with the instance `orders-db`, its binding `orders-web`, and the Deployment `orders`. */
  namespace: required("NAMESPACE"),
  /** Bearer tokens: of users with the roles `admin`, `edit` and `view`, and of one without any right. */
  tokens: {
    owner: required("ADMIN_TOKEN"),
    editor: required("EDIT_TOKEN"),
    viewer: required("VIEW_TOKEN"),
    stranger: required("NO_RIGHTS_TOKEN"),
  },
  /** Kubernetes names of the cluster-wide class, plan and broker of `orders-db`. */
  class: required("CLASS"),
  plan: required("PLAN"),
  broker: required("BROKER"),
  /** The browser. */
  chromium: process.env.CHROMIUM ?? "/usr/bin/chromium",
  /** Where a failed journey leaves the picture of its page. */
  results: process.env.RESULTS ?? fileURLToPath(new URL("../results", import.meta.url)),
  /** The longest wait for what the operator or the broker does, in milliseconds. */
  patience: 180_000,
};

const chosen = new URLSearchParams({ class: `cluster/${settings.class}`, plan: settings.plan });

/** Addresses of pages of the namespace. */
export const address = {
  instances: `/ns/${settings.namespace}/instances`,
  instance: (name) => `/ns/${settings.namespace}/instances/${name}`,
  binding: (name) => `/ns/${settings.namespace}/bindings/${name}`,
  class: `/catalog/cluster/${settings.class}`,
  create: `/ns/${settings.namespace}/new?${chosen}`,
};

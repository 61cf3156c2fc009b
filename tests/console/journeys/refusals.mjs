// What the user may not do, the console does not offer. Addresses that are typed by hand are refused with the verb and
// the resource that are missing.

import assert from "node:assert/strict";
import { journey } from "../lib/journey.mjs";
import { address, settings } from "../lib/settings.mjs";
import { logIn, sees } from "../lib/steps.mjs";

const instance = address.instance("orders-db");
const binding = address.binding("orders-web");
const broker = `/brokers/${settings.broker}`;

/** Names of buttons and links that would change something. */
const ACTIONS =
  /^(Create ?: |Bind|Edit|Upgrade|Try now|Rotate|Reveal|Fetch|Pause|Resume|Delete|Keep|Abandon|Register)/;

async function offersNothing(page, path) {
  await page.goto(path);
  await page.getByRole("heading", { level: 1 }).waitFor();
  for (const role of ["button", "link"]) {
    const offered = await page.getByRole("main").getByRole(role, { name: ACTIONS }).allInnerTexts();
    assert.deepEqual(offered, [], `offered at ${path}`);
  }
}

async function isRefused(page, path, right) {
  await page.goto(path);
  assert((await page.getByRole("main").innerText()).includes(right), `${path} does not say: ${right}`);
  const sent = await page.getByRole("main").locator("form[method=post]").count();
  assert.equal(sent, 0, `${path} has a form that would be refused`);
}

journey("a user who may only look is offered no action", {}, async (page) => {
  await logIn(page, "viewer");
  for (const path of ["/catalog", address.class, address.instances, instance, binding, "/brokers", broker]) {
    await offersNothing(page, path);
  }
});

journey("the address of an action is refused with the missing right", {}, async (page) => {
  await logIn(page, "viewer");
  const rights = [
    [address.create, "create serviceinstances.servicecatalog.k8s.io"],
    [`${instance}/edit`, "patch serviceinstances.servicecatalog.k8s.io"],
    [`${instance}/bind`, "create servicebindings.servicecatalog.k8s.io"],
    [`${instance}/pause`, "patch serviceinstances.servicecatalog.k8s.io"],
    [`${instance}/delete`, "delete serviceinstances.servicecatalog.k8s.io"],
    [`${binding}/rotate`, "patch servicebindings.servicecatalog.k8s.io"],
    [`${binding}/delete`, "delete servicebindings.servicecatalog.k8s.io"],
    // A reader of the catalog may list cluster-wide brokers, and not even get one.
    [`${broker}/relist`, "get clusterservicebrokers.servicecatalog.k8s.io"],
    [`${broker}/delete`, "get clusterservicebrokers.servicecatalog.k8s.io"],
  ];
  const failures = [];
  for (const [path, right] of rights) await isRefused(page, path, right).catch((error) => failures.push(error.message));
  assert.deepEqual(failures, []);
});

journey("values of a Secret are out of reach of a user who may only look", {}, async (page) => {
  await logIn(page, "viewer", binding);
  await page.getByText("Values cannot be revealed").waitFor();
  await page.getByText("get secrets").waitFor();
});

journey("each page says which right is missing", {}, async (page) => {
  await logIn(page, "stranger");
  const inCatalog = "servicecatalog.k8s.io";
  const rights = [
    ["/catalog", `list clusterserviceclasses.${inCatalog}`],
    [address.class, `get clusterserviceclasses.${inCatalog}`],
    [address.instances, `list serviceinstances.${inCatalog}`],
    [instance, `get serviceinstances.${inCatalog}`],
    [binding, `get servicebindings.${inCatalog}`],
    ["/brokers", `list clusterservicebrokers.${inCatalog}`],
    [broker, `get clusterservicebrokers.${inCatalog}`],
    [address.create, `get clusterserviceclasses.${inCatalog}`],
  ];
  const failures = [];
  for (const [path, right] of rights) await isRefused(page, path, right).catch((error) => failures.push(error.message));
  assert.deepEqual(failures, []);
  await page.goto("/namespaces");
  await page.getByText("You may not list namespaces").waitFor();
  await page.goto("/about");
  await sees(page, "About");
});

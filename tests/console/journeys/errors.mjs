// What goes wrong is said at once, with the next step: a wrong token, a name that is taken, a plan that has been
// withdrawn meanwhile, a name that is typed wrongly.

import assert from "node:assert/strict";
import { journey } from "../lib/journey.mjs";
import { keyboard } from "../lib/keyboard.mjs";
import { apply, kubectl } from "../lib/kubectl.mjs";
import { address, settings } from "../lib/settings.mjs";
import { logIn, pointer, sees, unique } from "../lib/steps.mjs";

journey("a wrong token is refused, and the next one is accepted", {}, async (page) => {
  await page.goto(address.instances);
  await pointer.write(page.getByLabel("Bearer token"), "not-a-token");
  await pointer.press(page.getByRole("button", { name: "Log in" }));
  const alert = page.getByRole("alert");
  assert.match(await alert.innerText(), /does not accept this token/);
  assert.equal(await page.getByLabel("Bearer token").inputValue(), "", "the token is not sent back");
  await pointer.write(page.getByLabel("Bearer token"), settings.tokens.editor);
  await pointer.press(page.getByRole("button", { name: "Log in" }));
  await sees(page, `Instances in ${settings.namespace}`);
});

journey("after a logout, every page asks for a login", {}, async (page) => {
  await logIn(page, "editor");
  await page.goto("/logout");
  await pointer.press(page.getByRole("main").getByRole("button", { name: "Log out" }));
  await sees(page, "Log in");
  await page.goto(address.instances);
  await sees(page, "Log in");
  await page.goBack();
  await page.reload();
  await sees(page, "Log in");
});

journey("a name that is taken is said at its field, and the entries stay", {}, async (page) => {
  await logIn(page, "editor", address.create);
  await pointer.write(page.getByRole("textbox", { name: "Name of the instance" }), "orders-db");
  await pointer.press(page.getByRole("button", { name: "Review" }));
  await isWrong(page, page.getByRole("textbox", { name: "Name of the instance" }), "orders-db");

  await page.goto(`${address.instance("orders-db")}/bind`);
  await pointer.write(page.getByRole("textbox", { name: "Name", exact: true }), "orders-web");
  await pointer.press(page.getByRole("button", { name: "Bind", exact: true }));
  await isWrong(page, page.getByRole("textbox", { name: "Name", exact: true }), "orders-web");
});

/** The summary of problems leads to the field, which has its value, and says what is wrong. */
async function isWrong(page, field, value) {
  const summary = page.getByRole("alert");
  await summary.waitFor();
  assert.equal(await field.inputValue(), value);
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  await keyboard(page).press(summary.getByRole("link").first());
  assert(await field.evaluate((element) => element === document.activeElement), "the link leads to the field");
}

journey("a plan that is withdrawn meanwhile is said, and is not offered any more", {}, async (page) => {
  const name = unique("withdrawn");
  const spec = {
    clusterServiceBrokerName: settings.broker,
    clusterServiceClassRef: { name: settings.class },
    externalName: name,
    externalID: name,
    description: "A plan that the broker withdraws.",
    free: true,
  };
  const apiVersion = "servicecatalog.k8s.io/v1beta1";
  const remove = apply({ apiVersion, kind: "ClusterServicePlan", metadata: { name }, spec });
  try {
    await logIn(page, "editor", address.class);
    await pointer.press(page.getByRole("link", { name: new RegExp(`^Create ?: plan ${name}$`) }));
    await pointer.write(page.getByRole("textbox", { name: "Name of the instance" }), name);
    const patch = ["--type=merge", "--patch", JSON.stringify({ status: { removedFromBrokerCatalog: true } })];
    kubectl(["patch", "clusterserviceplan", name, "--subresource=status", ...patch]);
    await pointer.press(page.getByRole("button", { name: "Review" }));
    assert.match(await page.getByRole("alert").innerText(), /plan/i);
    assert.equal(kubectl(["get", "serviceinstance", name, "--ignore-not-found"]), "");
    await page.goto(address.class);
    // The operator removes a withdrawn plan without instances; until then, the page shows it without the link.
    assert.equal(await page.getByRole("link", { name: new RegExp(`^Create ?: plan ${name}$`) }).count(), 0);
  } finally {
    remove();
  }
});

journey("an instance with bindings is deleted only after its name is typed", {}, async (page) => {
  await logIn(page, "editor", `${address.instance("orders-db")}/delete`);
  await page.getByRole("listitem").filter({ hasText: "orders-web" }).first().waitFor();
  await pointer.write(page.getByRole("textbox", { name: /^Type the name to confirm/ }), "orders");
  await pointer.press(page.getByRole("button", { name: "Delete", exact: true }));
  assert.match(await page.getByRole("alert").innerText(), /not the name/);
  assert.equal(kubectl(["get", "serviceinstance", "orders-db", "--output=jsonpath={.metadata.deletionTimestamp}"]), "");
});

// What users do on several pages.

import assert from "node:assert/strict";
import { address, settings } from "./settings.mjs";

/** Acts with the pointer. `lib/keyboard.mjs` has the same for the keyboard. */
export const pointer = {
  press: (locator) => locator.click(),
  write: (locator, text) => locator.fill(text),
  choose: (locator, label) => locator.selectOption({ label }),
  toggle: (locator) => locator.click(),
};

/** The level-one heading. Fails unless the page comes. */
export async function sees(page, heading) {
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
}

/** Logs a user in, and ends at `path`. */
export async function logIn(page, user, path = "/catalog", hand = pointer) {
  await page.goto(path);
  await sees(page, "Log in");
  // A field for passwords has no role.
  await hand.write(page.getByLabel("Bearer token"), settings.tokens[user]);
  await hand.press(page.getByRole("button", { name: "Log in", exact: true }));
  await page.waitForURL((url) => `${url.pathname}${url.search}` === path);
}

/** Reloads the page until the locator is there: also without JavaScript. */
export async function reloadUntil(page, locator) {
  const deadline = Date.now() + settings.patience;
  for (;;) {
    const isThere = await locator.waitFor({ timeout: 1000 }).then(() => true, () => false);
    if (isThere) return;
    if (Date.now() > deadline) throw new Error(`not within ${settings.patience} ms: ${locator}`);
    await page.reload();
  }
}

/** The region with the state line, once it begins with this word. */
export const state = (page, word) =>
  page.getByRole("region", { name: "State", exact: true }).filter({ has: page.getByText(new RegExp(`^${word}`)) });

/** From the class to the page of a new instance. */
export async function create(page, name, hand = pointer) {
  await hand.press(page.getByRole("link", { name: /^Create ?: plan / }).first());
  await hand.write(page.getByRole("textbox", { name: "Name of the instance" }), name);
  await hand.press(page.getByRole("button", { name: "Review", exact: true }));
  await page.getByText("The API server would accept this.").waitFor();
  await hand.press(page.getByRole("button", { name: /^Create/ }));
  await sees(page, name);
}

/**
 * From the page of an instance to the page of a new binding for the Deployment `orders`, whose pods are not restarted:
 * otherwise, each deletion would wait for a rollout.
 */
export async function bind(page, name, hand = pointer) {
  await hand.press(page.getByRole("link", { name: "Bind", exact: true }));
  await hand.write(page.getByRole("textbox", { name: "Name", exact: true }), name);
  await hand.choose(page.getByRole("combobox", { name: "Who gets the credentials" }), "Deployment/orders");
  await hand.choose(page.getByRole("combobox", { name: "Restart running pods" }), "Never");
  await hand.press(page.getByRole("button", { name: "Preview", exact: true }));
  const preview = page.getByRole("region", { name: /^Preview/ });
  await preview.getByRole("rowheader", { name: /^orders-/ }).first().waitFor();
  await hand.press(page.getByRole("button", { name: "Bind", exact: true }));
  await sees(page, name);
}

/** From the page of a binding to the password in its Secret, and back. Returns it. */
export async function reveal(page, hand = pointer) {
  await hand.press(page.getByRole("button", { name: /^Reveal ?: password/ }));
  await sees(page, /^Value of /);
  const value = await page.getByRole("region", { name: "Value", exact: true }).innerText();
  assert.notEqual(value.trim(), "");
  await hand.press(page.getByRole("link", { name: "Hide and go back" }));
  assert(!(await page.locator("body").innerText()).includes(value), "the value is on the page of the binding");
  return value;
}

/** From the page of an object, through the page that asks, to the deletion. */
export async function remove(page, name, hand = pointer) {
  await hand.press(page.getByRole("link", { name: "Delete…" }));
  await sees(page, `Delete ${name}?`);
  await hand.press(page.getByRole("button", { name: "Delete", exact: true }));
  await page.getByRole("heading", { level: 1, name: `Delete ${name}?` }).waitFor({ state: "detached" });
}

/** Waits at the list of instances until this one is gone. */
export async function isGone(page, name) {
  await page.goto(address.instances);
  const link = page.getByRole("link", { name, exact: true });
  const deadline = Date.now() + settings.patience;
  for (;;) {
    const isAbsent = await link.waitFor({ state: "detached", timeout: 1000 }).then(() => true, () => false);
    if (isAbsent) return;
    if (Date.now() > deadline) throw new Error(`still there after ${settings.patience} ms: ${name}`);
    await page.reload();
  }
}

/** A name that no other run has. */
export const unique = (beginning) => `${beginning}-${Date.now().toString(36)}`;

/** An instance that waits for its class. */
export const waiting = (name) => ({
  apiVersion: "servicecatalog.k8s.io/v1beta1",
  kind: "ServiceInstance",
  metadata: { name },
  spec: { clusterServiceClassExternalName: "unknown", clusterServicePlanExternalName: "unknown" },
});

/** Marks the page, and returns what fails if it is another one. */
export async function marked(page) {
  await page.evaluate(() => { window.isStillHere = true; });
  return async () => assert(await page.evaluate(() => window.isStillHere), "the page has been loaded again");
}

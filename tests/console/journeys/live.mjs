// What changes in the cluster appears on the open page without a reload. Focus, open details and what is being typed
// stay.

import assert from "node:assert/strict";
import { journey } from "../lib/journey.mjs";
import { reach } from "../lib/keyboard.mjs";
import { apply, kubectl } from "../lib/kubectl.mjs";
import { address } from "../lib/settings.mjs";
import { logIn, marked, pointer, state, unique, waiting } from "../lib/steps.mjs";

/** The longest time in which a change appears, in milliseconds. */
const SOON = 10_000;

journey("an instance that another user creates appears in the list, and goes", {}, async (page) => {
  const name = unique("live");
  await logIn(page, "editor", address.instances);
  const isSamePage = await marked(page);
  const link = page.getByRole("link", { name, exact: true });
  const remove = apply(waiting(name));
  try {
    await link.waitFor({ timeout: SOON });
  } finally {
    remove();
  }
  await link.waitFor({ state: "detached", timeout: SOON });
  await isSamePage();
});

journey("an instance's state changes under the user, and focus and details stay", {}, async (page) => {
  const name = unique("live");
  const remove = apply(waiting(name));
  try {
    await logIn(page, "editor", address.instance(name));
    await state(page, "Waiting").waitFor({ timeout: SOON });
    const isSamePage = await marked(page);
    const details = page.locator("details", { has: page.getByText("YAML and kubectl") });
    await reach(page, details.locator("summary"));
    await page.keyboard.press("Space");
    const hasFocus = () => details.locator("summary").evaluate((summary) => summary === document.activeElement);
    assert(await hasFocus());

    kubectl(["annotate", "serviceinstance", name, "servicecatalog.k8s.io/paused=true"]);
    await state(page, "Paused").waitFor({ timeout: SOON });
    await page.getByRole("status").filter({ hasText: "Paused" }).waitFor({ state: "attached", timeout: SOON });
    assert(await hasFocus(), "the focus stays");
    assert(await details.evaluate((element) => element.open), "the open details stay open");
    await isSamePage();
  } finally {
    // The operator does not delete what is paused.
    kubectl(["annotate", "serviceinstance", name, "servicecatalog.k8s.io/paused-"]);
    remove();
  }
});

journey("an instance that is deleted meanwhile is said on its page", {}, async (page) => {
  const name = unique("live");
  const remove = apply(waiting(name));
  try {
    await logIn(page, "editor", address.instance(name));
    await state(page, "Waiting").waitFor({ timeout: SOON });
  } finally {
    remove();
  }
  await page.getByText("There is no such page or object").waitFor({ timeout: SOON });
});

journey("a name that is being typed for a deletion is not lost by a change", {}, async (page) => {
  await logIn(page, "editor", `${address.instance("orders-db")}/delete`);
  const field = page.getByRole("textbox", { name: /^Type the name/ });
  await pointer.write(field, "orders-d");
  kubectl(["annotate", "--overwrite", "serviceinstance", "orders-db", `journeys/at=${Date.now()}`]);
  // Nothing is to be seen of a change that does not matter: the next stop of the focus is proof that the page lives on.
  await page.keyboard.press("Tab");
  assert.equal(await field.inputValue(), "orders-d");
});

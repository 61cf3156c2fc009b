// The whole life of a service, by keyboard alone: log in, create an instance from the catalog, bind it to an
// application, see its credentials, rotate them, and delete binding and instance.

import assert from "node:assert/strict";
import { journey } from "../lib/journey.mjs";
import { keyboard } from "../lib/keyboard.mjs";
import { settings } from "../lib/settings.mjs";
import { bind, create, isGone, logIn, reloadUntil, remove, reveal, sees, state, unique } from "../lib/steps.mjs";

journey("a service is created, bound, rotated and deleted by keyboard alone", {}, async (page) => {
  const hand = keyboard(page);
  const name = unique("keyboard");
  const binding = unique("keyboard-web");
  await logIn(page, "editor", "/catalog", hand);
  await sees(page, "Catalog");
  await hand.press(page.getByRole("main").locator(`a[href$="/${settings.class}"]`));

  await create(page, name, hand);
  await reloadUntil(page, state(page, "Ready"));
  await bind(page, binding, hand);
  await reloadUntil(page, state(page, "Ready"));
  await reveal(page, hand);

  const issued = page.locator("dl > div", { has: page.getByText("Issued", { exact: true }) });
  const before = await issued.locator("time").getAttribute("datetime");
  await hand.press(page.getByRole("button", { name: "Rotate credentials" }));
  await reloadUntil(page, issued.locator(`time:not([datetime="${before}"])`));
  await reloadUntil(page, page.getByRole("button", { name: "Rotate credentials" }));

  await remove(page, binding, hand);
  await page.goto(`/ns/${settings.namespace}/instances/${name}`);
  await reloadUntil(page, page.getByText("No application has credentials for this instance yet."));
  await remove(page, name, hand);
  await isGone(page, name);
});

journey("the first Tab leads past the navigation", {}, async (page) => {
  await logIn(page, "editor");
  await page.goto("/catalog");
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to content" });
  assert(await skip.evaluate((element) => element === document.activeElement));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const isInMain = await page.getByRole("main").evaluate((main) => main.contains(document.activeElement));
  assert(isInMain, "the next stop is in the content");
});

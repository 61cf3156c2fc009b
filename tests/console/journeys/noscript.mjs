// Without JavaScript everything works: the pages are only reloaded by hand.

import { journey } from "../lib/journey.mjs";
import { address, settings } from "../lib/settings.mjs";
import { bind, create, isGone, logIn, pointer, reloadUntil, remove, reveal, sees, state, unique } from "../lib/steps.mjs";

journey("without JavaScript, a service is created, bound and deleted", { javaScriptEnabled: false }, async (page) => {
  const name = unique("noscript");
  await logIn(page, "editor");
  await pointer.press(page.getByRole("main").locator(`a[href$="/${settings.class}"]`));
  await create(page, name);
  await reloadUntil(page, state(page, "Ready"));
  await bind(page, `${name}-web`);
  await reloadUntil(page, state(page, "Ready"));
  await reveal(page);

  await page.goto(`${address.instance(name)}/delete`);
  await pointer.press(page.getByRole("radio", { name: "Delete the bindings as well" }));
  await pointer.write(page.getByRole("textbox", { name: /^Type the name to confirm/ }), name);
  await pointer.press(page.getByRole("button", { name: "Delete", exact: true }));
  await isGone(page, name);
});

journey("without JavaScript, the menu changes language and colours", { javaScriptEnabled: false }, async (page) => {
  await logIn(page, "editor");
  await pointer.press(page.getByText("Settings", { exact: true }));
  await pointer.press(page.getByRole("link", { name: "Dark", exact: true }));
  await page.locator('html[data-theme="dark"]').waitFor();
  await pointer.press(page.getByText("Settings", { exact: true }));
  await pointer.press(page.getByRole("link", { name: "简体中文" }));
  await sees(page, "目录");
  // Both are remembered.
  await page.goto("/about");
  await page.locator('html[data-theme="dark"][lang="zh-Hans"]').waitFor();
});

#!/usr/bin/env node
// screenshots.mjs DIRECTORY [INSTANCE]: pictures of the catalog and of an instance's page, light and dark, for the
// documentation. The environment is that of lib/settings.mjs.

import { join } from "node:path";
import { open } from "./lib/journey.mjs";
import { address } from "./lib/settings.mjs";
import { logIn } from "./lib/steps.mjs";

const [directory, instance = "orders-db"] = process.argv.slice(2);
if (!directory) throw new Error("usage: screenshots.mjs DIRECTORY [INSTANCE]");
const pages = { catalog: "/catalog", instance: address.instance(instance) };

for (const colorScheme of ["light", "dark"]) {
  const { browser, page } = await open({ colorScheme, viewport: { width: 1280, height: 900 } });
  await logIn(page, "editor");
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(path, { waitUntil: "networkidle" });
    await page.screenshot({ path: join(directory, `${name}-${colorScheme}.png`) });
  }
  await browser.close();
}

// A journey: a test with a page of its own in a browser of its own. When it fails, the page's address, text and picture
// are kept. A journey fails as well if a page loads anything from elsewhere, or if a script of it throws.

import { mkdirSync } from "node:fs";
import test from "node:test";
import { chromium } from "playwright-core";
import { settings } from "./settings.mjs";

const flags = process.getuid() === 0 ? ["--no-sandbox"] : [];

/** Opens a page, with the options of playwright's `newContext`. */
export async function open(options = {}) {
  const browser = await chromium.launch({ executablePath: settings.chromium, args: flags });
  const context = await browser.newContext({ baseURL: settings.url, locale: "en-GB", ...options });
  const page = await context.newPage();
  // Of a locator that finds nothing, and of a page that does not come.
  page.setDefaultTimeout(10_000);
  return { browser, page };
}

/**
 * A test that `steps(page)` carries out. `title` is a true sentence. With `way`, the page reaches the console through a
 * relay, which the steps get, too; with `skip`, it is left out for that reason.
 */
export function journey(title, { way: openWay, skip = false, ...options }, steps) {
  test(title, { timeout: 600_000, skip }, async () => {
    const way = await openWay?.();
    const origin = way?.url ?? settings.url;
    try {
      const { browser, page } = await open({ baseURL: origin, ...options });
      const faults = faultsOf(page.context(), origin);
      try {
        await steps(page, way);
        if (faults.length > 0) throw new Error(faults.join("\n"));
      } catch (error) {
        error.message += `\n${await lookOf(page, title)}`;
        throw error;
      } finally {
        await browser.close();
      }
    } finally {
      way?.cut();
    }
  });
}

/** Collects what no page of the browser may do. */
function faultsOf(context, origin) {
  const faults = [];
  context.on("weberror", (error) => faults.push(`a script has thrown: ${error.error()}`));
  context.on("console", (message) => {
    // Chromium reports the status of a page that is meant to be refused as an error, too.
    const isOurs = !message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && isOurs) faults.push(`the browser says: ${message.text()}`);
  });
  context.on("request", (request) => {
    const isOwn = request.url().startsWith(`${origin}/`) || request.url().startsWith("data:");
    if (!isOwn) faults.push(`loaded from elsewhere: ${request.url()}`);
  });
  return faults;
}

/** The page as text, and a picture of it in the directory of the results. */
async function lookOf(page, title) {
  mkdirSync(settings.results, { recursive: true });
  const picture = `${settings.results}/${title.replace(/\W+/g, "-").slice(0, 80)}.png`;
  await page.screenshot({ path: picture, fullPage: true }).catch(() => {});
  const text = await page.locator("body").innerText().catch(() => "(no text)");
  return `The page ${page.url()} (${picture}):\n${text.replace(/^/gm, "  | ")}`;
}

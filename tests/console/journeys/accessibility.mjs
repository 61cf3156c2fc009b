// axe has no findings on any page: rules of WCAG 2.2 AA and best practices, in a wide light window and in a narrow dark
// one, with all details open. Every stop of the Tab key shows that it has the focus.

import assert from "node:assert/strict";
import axe from "axe-core";
import { journey } from "../lib/journey.mjs";
import { hiddenStops } from "../lib/keyboard.mjs";
import { faultsOfEach } from "../lib/pages.mjs";
import { logIn } from "../lib/steps.mjs";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

for (const [colorScheme, width] of [["light", 1280], ["dark", 320]]) {
  const options = { colorScheme, viewport: { width, height: 900 } };
  journey(`axe finds nothing: ${colorScheme}, ${width} px`, options, async (page) => {
    // As the browser's own, so that the pages' policy is not lifted for it.
    await page.addInitScript({ content: axe.source });
    await page.goto("/login");
    const atLogin = await findings(page);
    await logIn(page, "editor");
    assert.deepEqual([...atLogin, ...(await faultsOfEach(page, findings))], []);
  });
}

journey("every stop of the Tab key is visible", {}, async (page) => {
  await logIn(page, "editor");
  assert.deepEqual(await faultsOfEach(page, hiddenStops), []);
});

async function findings(page) {
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
  const { violations } = await page.evaluate((tags) => axe.run({ runOnly: tags }), TAGS);
  const say = (id, node) => `${id}: ${node.html.slice(0, 150)}: ${node.failureSummary.replaceAll(/\s+/g, " ")}`;
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => say(id, node)));
}

// Acts with Tab, Enter, Space, arrows and letters only. What has the focus must show it.

import assert from "node:assert/strict";

/** No page has more stops than this. */
const MAX_STOPS = 150;

/** What `pointer` of `lib/steps.mjs` does, for this page. */
export const keyboard = (page) => ({
  async press(locator) {
    await reach(page, locator);
    await page.keyboard.press("Enter");
  },
  async write(locator, text) {
    await reach(page, locator);
    await page.keyboard.press("Control+A");
    await page.keyboard.insertText(text);
  },
  async choose(locator, label) {
    await reach(page, locator);
    await page.keyboard.type(label);
    assert.equal(await locator.locator("option:checked").innerText(), label);
  },
  async toggle(locator) {
    await reach(page, locator);
    await page.keyboard.press("Space");
  },
});

/** Presses Tab until the element has the focus. */
export async function reach(page, locator) {
  await locator.waitFor();
  for (let stop = 0; stop < MAX_STOPS; stop += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) {
      assert(await locator.evaluate(isFocusVisible), `one does not see that this has the focus: ${locator}`);
      return;
    }
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach ${locator}`);
}

/** Walks through the page with Tab. Returns the stops that do not show that they have the focus. */
export async function hiddenStops(page) {
  const faults = [];
  await page.evaluate(() => document.activeElement.blur());
  for (let stop = 0; stop < MAX_STOPS; stop += 1) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluateHandle(() => document.activeElement);
    if (await focus.evaluate((element) => element === document.body || Boolean(element.isVisited))) return faults;
    await focus.evaluate((element) => { element.isVisited = true; });
    const isVisible = await focus.evaluate(isFocusVisible);
    if (!isVisible) faults.push(await focus.evaluate((element) => element.outerHTML.slice(0, 120)));
  }
  return [...faults, "there is no end"];
}

/** Runs in the page: whether an outline or a frame is drawn, and nothing else covers the element. */
function isFocusVisible(element) {
  const style = getComputedStyle(element);
  const isMarked = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
  const box = element.getBoundingClientRect();
  const above = document.elementFromPoint(box.x + Math.min(box.width / 2, 20), box.y + box.height / 2);
  return isMarked && Boolean(above) && (element.contains(above) || above.contains(element));
}

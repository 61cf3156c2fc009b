// Every page is usable however it is looked at: in a narrow window, which is also what 400 % zoom is, in the dark, with
// forced colours, without motion, and with wider spaces between letters and lines.

import assert from "node:assert/strict";
import { journey } from "../lib/journey.mjs";
import { faultsOfEach } from "../lib/pages.mjs";
import { logIn } from "../lib/steps.mjs";

/** A window of 1280 × 1024 pixels at 400 % zoom: 320 CSS pixels wide. */
const ZOOMED = { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 };

/** Looks at each page with functions that run in it and return what is wrong. */
async function checkEach(page, ...checks) {
  const look = async () => (await Promise.all(checks.map((check) => page.evaluate(check)))).flat();
  await page.goto("/login");
  const atLogin = await look();
  await logIn(page, "editor");
  assert.deepEqual([...atLogin, ...(await faultsOfEach(page, look))], []);
}

journey("at 320 px and at 400 % zoom, no page scrolls sideways", ZOOMED, (page) => checkEach(page, overflow));
journey("in Chinese at 320 px, no page scrolls sideways", ZOOMED, async (page) => {
  await logIn(page, "editor");
  await page.goto("/about?lang=zh-Hans");
  assert.deepEqual(await faultsOfEach(page, () => page.evaluate(overflow)), []);
});
journey("with more space between letters and lines, no text is cut off", {}, async (page) => {
  await page.addInitScript(addSpace);
  await checkEach(page, overflow);
});
const DARK = { colorScheme: "dark", reducedMotion: "reduce" };
journey("in the dark and without motion, every page is dark and still", DARK, (page) =>
  checkEach(page, brightness, motion),
);
journey("with forced colours, states and fields have frames", { forcedColors: "active" }, (page) =>
  checkEach(page, unframed),
);
journey("with more contrast, lines are stronger", { contrast: "more" }, async (page) => {
  await logIn(page, "editor");
  const muted = await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--muted"));
  assert.match(muted, /#2a3340/);
});

/** Runs in the page: what is wider than the window, and texts that are cut off or torn. Closed details have no width. */
function overflow() {
  const { scrollWidth, clientWidth } = document.documentElement;
  const faults = [];
  if (scrollWidth > clientWidth) faults.push(`the page is ${scrollWidth} px wide`);
  // Whether a text has room for only a few of its letters in each line.
  const isTorn = (text) => {
    const range = document.createRange();
    range.selectNodeContents(text);
    const lines = new Set([...range.getClientRects()].map(({ bottom }) => Math.round(bottom))).size;
    return lines > 2 && text.data.length / lines < 4;
  };
  const isScrolled = (element) => element.closest(".scroll, pre, .visually-hidden, .skip, [hidden]");
  for (const element of document.body.querySelectorAll("*")) {
    const { right, width } = element.getBoundingClientRect();
    if (scrollWidth > clientWidth && width > 0 && right > clientWidth + 1 && !isScrolled(element)) {
      faults.push(`${element.tagName}.${element.className} ends at ${Math.round(right)} px`);
    }
    const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    if (element.checkVisibility() && texts.some(isTorn)) faults.push(`torn into letters: ${element.innerText.slice(0, 60)}`);
    const isCut = getComputedStyle(element).overflowX === "hidden" && element.scrollWidth > element.clientWidth + 1;
    if (isCut && !isScrolled(element)) faults.push(`cut off: ${element.tagName} ${element.innerText.slice(0, 60)}`);
  }
  return faults.slice(0, 5);
}

/** Runs in the page before its scripts: the spaces of WCAG 1.4.12. */
function addSpace() {
  addEventListener("DOMContentLoaded", () => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
      p { margin-bottom: 2em !important; }`);
    document.adoptedStyleSheets.push(sheet);
  });
}

/** Runs in the page: surfaces that are bright. Pictures of services are as their providers made them. */
function brightness() {
  const faults = [];
  for (const element of document.querySelectorAll("html, header, nav, main, main *")) {
    const [red, green, blue, alpha = 1] = getComputedStyle(element).backgroundColor.match(/[\d.]+/g).map(Number);
    const light = (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
    const isSmall = element.matches(".button, .views button, .icon, .icon *, .symbol, .visually-hidden");
    if (alpha > 0.5 && light > 0.4 && !isSmall) faults.push(`${element.tagName}.${element.className} is bright`);
  }
  return faults.slice(0, 5);
}

/** Runs in the page: what only its background shows, which forced colours remove. */
function unframed() {
  const faults = [];
  for (const element of document.querySelectorAll(".button, .badge, .banner, .state .symbol, input, select, textarea")) {
    const style = getComputedStyle(element);
    const isFramed = style.borderTopStyle !== "none" && parseFloat(style.borderTopWidth) > 0;
    const isSeen = element.getClientRects().length > 0 && !element.closest(".visually-hidden");
    const isNative = element.matches("[type=checkbox], [type=radio], [type=hidden]");
    if (isSeen && !isFramed && !isNative) faults.push(`${element.tagName}.${element.className} has no frame`);
  }
  return faults.slice(0, 5);
}

/** Runs in the page: what would move. */
function motion() {
  const faults = [];
  for (const element of document.querySelectorAll("*")) {
    const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
    const isStill = parseFloat(transitionDuration) === 0 && animationName === "none" && scrollBehavior !== "smooth";
    if (!isStill) faults.push(`${element.tagName}.${element.className} moves`);
  }
  return faults.slice(0, 5);
}

// In simplified Chinese, no English sentence of the console is left. Texts of brokers, of the operator and of the API
// server are marked with their language; names of objects and commands are marked as not to be translated.

import assert from "node:assert/strict";
import { journey } from "../lib/journey.mjs";
import { faultsOfEach } from "../lib/pages.mjs";
import { settings } from "../lib/settings.mjs";
import { logIn } from "../lib/steps.mjs";

/** Words of the interface, which have a translation. */
const ENGLISH = [
  "the", "this", "that", "are", "you", "your", "not", "and", "with", "for", "from", "may", "will", "age", "all", "back",
  "bind", "binding", "bindings", "broker", "brokers", "cancel", "catalog", "class", "cluster", "configuration", "copy",
  "create", "delete", "edit", "error", "free", "instance", "instances", "name", "namespace", "parameters", "pause", "plan",
  "plans", "ready", "reveal", "review", "rotate", "search", "service", "services", "settings", "since", "state", "user",
  "version", "waiting", "withdrawn",
];

journey("in Chinese, every page is Chinese", { locale: "zh-CN" }, async (page) => {
  await page.goto("/login");
  const atLogin = await englishOf(page);
  await page.getByLabel("Bearer 令牌").fill(settings.tokens.editor);
  await page.getByRole("button", { name: "登录", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "目录" }).waitFor();
  assert.deepEqual([...atLogin, ...(await faultsOfEach(page, englishOf))], []);
});

journey("in English, no page has Chinese texts of the console", {}, async (page) => {
  await logIn(page, "editor");
  const chineseOf = async () => (await page.evaluate(textsOfConsole)).filter((text) => /\p{Script=Han}/u.test(text));
  assert.deepEqual(await faultsOfEach(page, chineseOf), []);
});

async function englishOf(page) {
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-Hans");
  const words = new RegExp(`(?<![\\w.-])(${ENGLISH.join("|")})(?![\\w.-])`, "i");
  const sentence = /[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}/;
  const texts = await page.evaluate(textsOfConsole);
  return texts.filter((text) => words.test(text) || sentence.test(text));
}

/** Runs in the page: the texts that are not marked as of another language, or as not to be translated. */
function textsOfConsole() {
  const ours = ":not(script, style, noscript, body [lang], body [lang] *, [translate=no], [translate=no] *)";
  const texts = [document.title.split(" · ").at(-1)];
  for (const element of document.body.querySelectorAll(ours)) {
    for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) texts.push(node.data);
    for (const name of ["aria-label", "title", "placeholder", "alt"]) texts.push(element.getAttribute(name) ?? "");
  }
  return texts.map((text) => text.replaceAll(/\s+/g, " ").trim()).filter(Boolean);
}

// A broker is registered for a namespace, with a login, and goes again.

import assert from "node:assert/strict";
import { journey } from "../lib/journey.mjs";
import { kubectl } from "../lib/kubectl.mjs";
import { settings } from "../lib/settings.mjs";
import { keyboard } from "../lib/keyboard.mjs";
import { logIn, pointer, remove, sees, state, unique } from "../lib/steps.mjs";

const brokers = `/ns/${settings.namespace}/brokers`;

async function register(page, name, hand) {
  await hand.press(page.getByRole("link", { name: `Register for ${settings.namespace} only` }));
  await sees(page, "Register a broker");
  await hand.write(page.getByRole("textbox", { name: "Name", exact: true }), name);
  await hand.write(page.getByRole("textbox", { name: "URL" }), `http://${name}.${settings.namespace}.svc`);
  await hand.choose(page.getByRole("combobox", { name: "How the operator logs in" }), "With user name and password");
  await hand.write(page.getByRole("textbox", { name: "User name" }), "operator");
  await hand.write(page.getByLabel("Password"), "not-so-secret");
  await hand.press(page.getByRole("button", { name: "Register", exact: true }));
}

for (const [how, handOf] of [["the pointer", () => pointer], ["the keyboard", keyboard]]) {
  journey(`a broker that does not answer is registered, understood and removed with ${how}`, {}, async (page) => {
    const name = unique("broker");
    const hand = handOf(page);
    await logIn(page, "owner", brokers, hand);
    await register(page, name, hand);
    // A password over http needs a second thought, and is entered once more: no page shows it.
    assert.match(await page.getByRole("alert").innerText(), /unencrypted/);
    await hand.toggle(page.getByRole("checkbox", { name: /^Allow http/ }));
    await hand.write(page.getByLabel("Password"), "not-so-secret");
    await hand.press(page.getByRole("button", { name: "Register", exact: true }));
    await sees(page, name);
    await state(page, "Catalog not fetched").waitFor({ timeout: settings.patience });
    const said = await page.getByRole("main").innerText();
    assert.match(said, /The operator retries/);
    assert(!said.includes("not-so-secret"));
    const stored = kubectl(["get", "secret", `${name}-credentials`, "--output=jsonpath={.data.password}"]);
    assert.equal(Buffer.from(stored, "base64").toString(), "not-so-secret");

    await remove(page, name, hand);
    await page.goto(brokers);
    await page.getByRole("link", { name, exact: true }).waitFor({ state: "detached", timeout: settings.patience });
    kubectl(["delete", "--ignore-not-found", "secret", `${name}-credentials`]);
  });
}

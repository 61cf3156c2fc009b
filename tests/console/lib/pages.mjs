// The pages of the console, for the journeys that look at each of them.

import assert from "node:assert/strict";
import { pointer } from "./steps.mjs";
import { address, settings } from "./settings.mjs";

const instance = address.instance("orders-db");
const binding = address.binding("orders-web");

/** What each page is called here, its address, and the status of its answer if it is not 200. */
const PAGES = [
  ["catalog", "/catalog"],
  ["catalog, nothing found", "/catalog?q=nothing-has-this-name"],
  ["class", address.class],
  ["new instance", address.create],
  ["instances", address.instances],
  ["instance that is ready", instance],
  ["instance that waits", address.instance("waits-for-its-class")],
  ["edit an instance", `${instance}/edit`],
  ["delete an instance", `${instance}/delete`],
  ["pause an instance", `${instance}/pause`],
  ["new binding", `${instance}/bind`],
  ["binding", binding],
  ["delete a binding", `${binding}/delete`],
  ["rotate a binding", `${binding}/rotate`],
  ["brokers", "/brokers"],
  ["brokers of the namespace", `/ns/${settings.namespace}/brokers`],
  ["namespaces", "/namespaces"],
  ["about", "/about"],
  ["logout", "/logout"],
  ["no such object", address.instance("nothing-has-this-name"), 404],
  ["no such page", "/nothing-has-this-address", 404],
  ["refused", "/ns/kube-system/instances", 403],
];

/** States of pages that an address does not lead to: name, address, and what is done there. */
const STATES = [
  ["new instance with a problem", address.create, (page) => sendWrong(page, /^(Name of the instance|实例名称)$/)],
  ["new instance in review", address.create, review],
  ["new binding with a problem", `${instance}/bind`, (page) => sendWrong(page, /^(Name|名称)$/)],
  ["new binding with a preview", `${instance}/bind`, preview],
  ["value of a Secret", binding, reveal],
];

/** Looks at each page, logged in as an editor. `look(page)` returns what is wrong; all of it is returned. */
export async function faultsOfEach(page, look) {
  const faults = [];
  const visit = async (name, steps) => {
    try {
      await steps();
      faults.push(...(await look(page)).map((fault) => `${name}: ${fault}`));
    } catch (error) {
      faults.push(`${name}: ${error.message}`);
    }
  };
  for (const [name, path, status = 200] of PAGES) {
    await visit(name, async () => assert.equal((await page.goto(path)).status(), status));
  }
  for (const [name, path, steps] of STATES) {
    await visit(name, async () => {
      assert.equal((await page.goto(path)).status(), 200);
      await steps(page);
    });
  }
  return faults;
}

async function sendWrong(page, name) {
  const field = page.getByRole("textbox", { name });
  await pointer.write(field, "--");
  await field.press("Enter");
  await page.getByRole("alert").waitFor();
}

async function review(page) {
  await pointer.press(page.getByRole("button", { name: /^(Review|检查)$/ }));
  await page.getByText(/^(The API server would accept this|API 服务器会接受)/).waitFor();
}

async function preview(page) {
  await pointer.press(page.getByRole("button", { name: /^(Preview|预览)$/ }));
  await page.getByRole("region", { name: /^(Preview|预览)/ }).waitFor();
}

async function reveal(page) {
  await pointer.press(page.getByRole("button", { name: /^(Reveal|显示)/ }).first());
  await page.getByRole("heading", { level: 1, name: /^(Value of|值)/ }).waitFor();
}

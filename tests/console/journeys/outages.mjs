// The console or the API server is away: pages say so, nothing that was entered is lost, and all catch up afterwards.

import { kill } from "../lib/api_server.mjs";
import { journey } from "../lib/journey.mjs";
import { apply, kubectl } from "../lib/kubectl.mjs";
import { relay } from "../lib/relay.mjs";
import { address, settings } from "../lib/settings.mjs";
import { isGone, logIn, marked, pointer, sees, state, unique, waiting } from "../lib/steps.mjs";

/** Says that a page may be out of date. */
const stale = (page) => page.locator("#stale");
const wait = { timeout: settings.patience };

/** Waits until the API server accepts what the journeys do: its policies need a moment. */
async function ready() {
  const deadline = Date.now() + settings.patience;
  for (;;) {
    try {
      kubectl(["get", "--raw", "/readyz"]);
      kubectl(["create", "--dry-run=server", "-f", "-"], JSON.stringify(waiting("dry-run")));
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

journey("a page that has lost the console says so, and catches up", { way: () => relay(settings.url) }, async (page, way) => {
  const name = unique("cut");
  const remove = apply(waiting(name));
  try {
    await logIn(page, "editor", address.instance(name));
    await state(page, "Waiting").waitFor(wait);
    const isSamePage = await marked(page);
    way.cut();
    await stale(page).waitFor(wait);
    await state(page, "Waiting").waitFor(wait);
    kubectl(["annotate", "serviceinstance", name, "servicecatalog.k8s.io/paused=true"]);
    await way.mend();
    await state(page, "Paused").waitFor(wait);
    await stale(page).waitFor({ state: "hidden", ...wait });
    await isSamePage();
  } finally {
    kubectl(["annotate", "serviceinstance", name, "servicecatalog.k8s.io/paused-"]);
    remove();
  }
});

// Only on a cluster of tests/cluster, and if the way to the console does not lead through the API server, as a forwarded
// port does.
const skip = process.env.KILL_API_SERVER ? false : "KILL_API_SERVER is not set";
const options = { skip, way: () => relay(settings.url) };
journey("an instance is created although the API server is killed meanwhile", options, async (page) => {
  const name = unique("outage");
  await logIn(page, "editor", address.instances);
  const list = await page.context().newPage();
  await list.goto(address.instances);
  await list.getByRole("link", { name: "orders-db", exact: true }).waitFor();
  await page.goto(address.create);
  await pointer.write(page.getByRole("textbox", { name: "Name of the instance" }), name);

  const start = kill();
  try {
    await pointer.press(page.getByRole("button", { name: "Review", exact: true }));
    await sees(page, "The API server does not answer");
    await stale(list).waitFor(wait);
    await list.getByRole("link", { name: "orders-db", exact: true }).waitFor();
  } finally {
    start();
  }
  await ready();
  // The console waits for the API server for up to 20 s.
  page.setDefaultTimeout(30_000);
  await pointer.press(page.getByRole("main").getByRole("button", { name: "Try again", exact: true }));
  await page.getByText("The API server would accept this.").waitFor();
  await pointer.press(page.getByRole("button", { name: /^Create/ }));
  await sees(page, name);
  // The list was not touched.
  await list.getByRole("link", { name, exact: true }).waitFor(wait);
  await stale(list).waitFor({ state: "hidden", ...wait });
  kubectl(["delete", "--wait=false", "serviceinstance", name]);
  await isGone(page, name);
});

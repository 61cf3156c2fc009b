// kubectl as an administrator: for what happens beside the console.

import { execFileSync } from "node:child_process";
import { settings } from "./settings.mjs";

/** Runs kubectl in the namespace of the journeys, and returns what it prints. */
export function kubectl(args, input) {
  const flags = { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] };
  return execFileSync("kubectl", ["--namespace", settings.namespace, ...args], flags).trim();
}

/** Creates these objects. Returns a function that deletes them. */
export function apply(manifest) {
  kubectl(["apply", "-f", "-"], JSON.stringify(manifest));
  return () => kubectl(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], JSON.stringify(manifest));
}

// Kills the API server of a cluster on this machine (tests/cluster), and starts it again as it was started.

import { execFileSync, spawn } from "node:child_process";
import { openSync, readFileSync, readlinkSync } from "node:fs";

/** Kills it, as a power failure would. Returns the function that starts it again. */
export function kill() {
  const pid = execFileSync("pgrep", ["--exact", "kube-apiserver"], { encoding: "utf8" }).trim();
  const list = (file) => readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0").filter(Boolean);
  const [command, ...args] = list("cmdline");
  const cwd = readlinkSync(`/proc/${pid}/cwd`);
  const env = Object.fromEntries(list("environ").map((entry) => entry.split(/=(.*)/s)));
  const log = openSync(readlinkSync(`/proc/${pid}/fd/1`), "a");
  process.kill(Number(pid), "SIGKILL");
  return () => spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", log, log] }).unref();
}

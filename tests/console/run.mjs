#!/usr/bin/env node
// run.mjs [JOURNEY…]: runs these journeys, by default all, one after the other, and prints a line for each, and then
// the numbers. The environment is that of lib/settings.mjs. `npm ci --ignore-scripts` comes before.

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";

const directory = fileURLToPath(new URL("journeys", import.meta.url));
const named = process.argv.slice(2).map((name) => `${basename(name, ".mjs")}.mjs`);
const names = named.length > 0 ? named : readdirSync(directory).sort();

const counts = { ok: 0, FAILED: 0, skipped: 0 };
function report(file, verdict, { name, details }) {
  counts[verdict] += 1;
  const seconds = (details.duration_ms / 1000).toFixed(1).padStart(6);
  console.log(`  ${verdict.padEnd(7)} ${basename(file, ".mjs").padEnd(13)} ${seconds} s  ${name}`);
  const error = details.error?.cause ?? details.error;
  if (error) console.log(String(error.message ?? error).replaceAll(/^/gm, "           "));
}

for (const file of names) {
  for await (const { type, data } of run({ files: [join(directory, file)] })) {
    // The report of the file as a whole repeats those of its journeys.
    if (type === "test:pass" && data.file !== undefined && data.nesting === 0) {
      report(file, data.skip === undefined ? "ok" : "skipped", data);
    }
    if (type === "test:fail") report(file, "FAILED", data);
    if (type === "test:stderr") process.stderr.write(data.message);
  }
}
console.log(`\n${counts.ok} passed, ${counts.FAILED} failed, ${counts.skipped} skipped`);
process.exit(counts.FAILED === 0 && counts.ok > 0 ? 0 : 1);

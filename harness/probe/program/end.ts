import { readdirSync, readFileSync } from "node:fs";

/**
 * Ends the other processes of this container whose command line contains a text: they outlive the client that started
 * them.
 */
export function end(text: string): void {
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      if (argv.includes(text) && !argv.includes("main.mjs end ")) process.kill(Number(pid));
    } catch {
      // It has ended already.
    }
  }
}

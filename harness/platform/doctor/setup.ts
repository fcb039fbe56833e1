import { spawn } from "node:child_process";
import { chmod, mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import { eventually, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { command, exists } from "../command.ts";
import { dockerInfo } from "../docker.ts";
import { isDebianLike, isRoot, missingCapabilities, readNumber } from "../machine.ts";
import { stateDir } from "../paths.ts";

/** Installs and starts missing programs on a Debian machine, as root; idempotent. Called only with the user's consent. */
export async function setUpMachine(progress: Progress, signal: AbortSignal): Promise<void> {
  const missing: string[] = [];
  if (!(await exists("dockerd"))) missing.push("docker.io");
  if (!(await exists("mmdebstrap"))) missing.push("mmdebstrap");
  const dockerAnswers = await dockerInfo().then(
    () => true,
    (error: unknown) => {
      if (error instanceof MeshproofError && error.code === "docker-denied") throw error;
      return false;
    },
  );
  const toInstall = dockerAnswers ? missing.filter((name) => name !== "docker.io") : missing;
  if (toInstall.length > 0) {
    if (!(await isDebianLike()) || !isRoot()) {
      throw new MeshproofError(
        "setup-refused",
        `cannot install ${toInstall.join(" and ")}: this is not a Debian machine with root rights`,
        {
          remedy: `install ${toInstall.join(" and ")} by hand and run the command again`,
        },
      );
    }
    await progress.step(`install ${toInstall.join(", ")}`, async () => {
      const env = { DEBIAN_FRONTEND: "noninteractive" };
      await command("apt-get", ["update"], { env, signal });
      await command("apt-get", ["install", "-y", "--no-install-recommends", ...toInstall], { env, signal });
    });
  }
  await raiseInotify();
  if (!dockerAnswers) await progress.step("start Docker's daemon", () => startDockerd(signal));
}

async function raiseInotify(): Promise<void> {
  if (!isRoot()) return;
  for (const [file, least] of [
    ["/proc/sys/fs/inotify/max_user_instances", 1024],
    ["/proc/sys/fs/inotify/max_user_watches", 524_288],
  ] as const) {
    if ((await readNumber(file)) < least) await writeFile(file, String(least));
  }
}

export async function dockerdPid(): Promise<number | undefined> {
  for (const file of ["/var/run/docker.pid", "/run/docker.pid"]) {
    const pid = Number((await readFile(file, "utf8").catch(() => "")).trim());
    if (pid > 0 && (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).startsWith("dockerd"))
      return pid;
  }
  return undefined;
}

/** Starts dockerd detached with its output in a log file; otherwise the caller of the command would wait for it. */
async function startDockerd(signal: AbortSignal): Promise<void> {
  if (!isRoot()) {
    throw new MeshproofError("setup-refused", "only root can start Docker's daemon", {
      remedy: "run as root, or start Docker by hand",
    });
  }
  await mkdir(stateDir(), { recursive: true, mode: 0o700 });
  const logFile = join(stateDir(), "dockerd.log");
  const flags: string[] = [];
  const missing = await missingCapabilities();
  if (missing.length > 0) {
    const wrapper = join(stateDir(), "oci-runtime");
    await writeFile(wrapper, runtimeWrapper(missing));
    await chmod(wrapper, 0o755);
    flags.push("--add-runtime", `meshproof=${wrapper}`, "--default-runtime", "meshproof");
  }
  const log = await open(logFile, "a");
  try {
    const child = spawn("dockerd", flags, { detached: true, stdio: ["ignore", log.fd, log.fd] });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    child.unref();
  } finally {
    await log.close();
  }
  try {
    await eventually(async () => ready(await dockerInfo()), {
      what: "Docker's daemon",
      withinMs: preparedWithinMs,
      signal,
    });
  } catch (error) {
    const tail = (await readFile(logFile, "utf8")).trim().split("\n").slice(-5).join("\n");
    throw new MeshproofError(
      "docker-missing",
      `Docker's daemon did not start; its log ${logFile} ends with: ${tail}`,
      {
        cause: error,
        remedy: "read the log, then start Docker by hand",
      },
    );
  }
}

/**
 * An OCI runtime that removes capabilities from a container's spec and then calls runc. On a machine whose bounding set
 * lacks a capability, runc refuses every privileged container ("unable to apply caps").
 */
export function runtimeWrapper(missing: readonly string[]): string {
  const edits = missing
    .flatMap((cap) => [`-e 's/"${cap}",//g'`, `-e 's/,"${cap}"//g'`, `-e 's/"${cap}"//g'`])
    .join(" ");
  return `#!/bin/sh
# Written by meshproof. Leaves out capabilities that this machine cannot give: ${missing.join(" ")}.
verb= bundle=. process= take=
for word in "$@"; do
  case "$take" in
    bundle) bundle=$word take= ; continue ;;
    process) process=$word take= ; continue ;;
  esac
  case "$word" in
    create|run|exec|restore) [ -n "$verb" ] || verb=$word ;;
    --bundle|-b) [ -z "$verb" ] || take=bundle ;;
    --bundle=*) bundle=\${word#--bundle=} ;;
    --process|-p) [ -z "$verb" ] || take=process ;;
    --process=*) process=\${word#--process=} ;;
  esac
done
case "$verb" in
  create|run|restore) [ -f "$bundle/config.json" ] && sed -i ${edits} "$bundle/config.json" ;;
  exec) [ -n "$process" ] && [ -f "$process" ] && sed -i ${edits} "$process" ;;
esac
exec runc "$@"
`;
}

import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseRecord } from "#harness/lib/records.ts";
import type { Provenance } from "#harness/model/artifacts.ts";
import { type DebianPackage, debianPackagesFormat } from "#harness/model/image-store.ts";
import { command } from "#harness/platform/command.ts";
import { cacheDir, contentKey } from "#harness/platform/paths.ts";
import type { Store } from "../store.ts";

export interface DebianRoot {
  readonly name: "node" | "agent" | "prober";
  readonly packages: readonly string[];
  /** Shell lines run on the finished root, whose folder is `"$1"`. */
  readonly finish?: readonly string[];
}

const suite = "bookworm";

/**
 * systemd 252 is the newest that runs on cgroup v1. The packages, and the units that must not start in a container,
 * follow kind's images/base.
 */
export const nodeRoot: DebianRoot = {
  name: "node",
  packages: [
    ...[
      "systemd",
      "systemd-sysv",
      "dbus",
      "runc",
      "conntrack",
      "iptables",
      "nftables",
      "iproute2",
      "ethtool",
      "kmod",
    ],
    ...[
      "util-linux",
      "mount",
      "pigz",
      "e2fsprogs",
      "bash",
      "ca-certificates",
      "curl",
      "jq",
      "procps",
      "tcpdump",
      "tar",
    ],
  ],
  finish: [
    'cd "$1" && rm -f lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service lib/systemd/system/multi-user.target.wants/* etc/systemd/system/*.wants/* lib/systemd/system/local-fs.target.wants/* lib/systemd/system/sockets.target.wants/*udev* lib/systemd/system/sockets.target.wants/*initctl* lib/systemd/system/basic.target.wants/*',
    'echo ReadKMsg=no >> "$1"/etc/systemd/journald.conf',
    'ln -sf /dev/null "$1"/etc/systemd/system/systemd-binfmt.service',
    'mkdir -p "$1"/etc/systemd/system/multi-user.target.wants "$1"/etc/kubernetes/manifests && for unit in kubelet containerd undo-mount-hacks; do ln -sf /etc/systemd/system/$unit.service "$1"/etc/systemd/system/multi-user.target.wants/; done',
    'rm -f "$1"/etc/machine-id "$1"/etc/resolv.conf "$1"/etc/hostname',
  ],
};

/** The only root with clang: the agent compiles its BPF programs on the node. */
export const agentRoot: DebianRoot = {
  name: "agent",
  packages: [
    "bash",
    "clang-19",
    "bpftool",
    "iptables",
    "ipset",
    "iproute2",
    "kmod",
    "mount",
    "util-linux",
    "ca-certificates",
  ],
};

export const proberRoot: DebianRoot = {
  name: "prober",
  packages: ["libstdc++6", "libc6", "iproute2", "procps", "curl", "dash", "coreutils", "nginx-light"],
};

export interface BuiltRoot {
  readonly tar: string;
  readonly key: string;
  readonly provenance: Provenance;
}

const keyOf = (root: DebianRoot): string =>
  contentKey("root-4", suite, root.packages.join(" "), ...(root.finish ?? []));

/** The names of the cache entries of the roots that are built now. */
export const rootEntries = (): string[] =>
  [nodeRoot, agentRoot, proberRoot].map((root) => `${root.name}-${suite}-${keyOf(root)}`);

/** The list of a root's packages in the cache, if it is built. */
export const packagesFile = (root: DebianRoot): string =>
  join(cacheDir(), "debian", `${root.name}-${suite}-${keyOf(root)}`, "packages.json");

/** A Debian root as a tar, and the versions and hashes of its packages in a file beside it. */
export async function buildRoot(root: DebianRoot, store: Store, signal: AbortSignal): Promise<BuiltRoot> {
  const key = keyOf(root);
  const folder = await store.entry("debian", `${root.name}-${suite}-${key}`, async (staging) => {
    const tar = join(staging, "root.tar");
    const packagesFile = join(staging, "packages.txt");
    const hook = [
      // Lists the installed packages with the hashes that apt verified, then removes every mention of this machine's
      // mirror.
      `APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-cache show $(dpkg-query --admindir="$1/var/lib/dpkg" -W -f '\${Package}=\${Version} ') > ${packagesFile}`,
      'rm -rf "$1"/etc/apt/sources.list* "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/locale/* "$1"/usr/share/info/* "$1"/var/log/*',
      ...(root.finish ?? []),
    ];
    await command(
      "mmdebstrap",
      [
        "--variant=minbase",
        "--aptopt=Apt::Install-Recommends false",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        `--include=${root.packages.join(",")}`,
        ...hook.map((line) => `--customize-hook=${line}`),
        suite,
        tar,
        ...(await mirrors()),
      ],
      { signal, env: { TMPDIR: staging, DEBIAN_FRONTEND: "noninteractive" } },
    );
    const listing = parsePackages(await readFile(packagesFile, "utf8"));
    await writeFile(join(staging, "packages.json"), `${JSON.stringify(listing, null, 1)}\n`);
  });
  const listing = await readFile(join(folder, "packages.json"), "utf8");
  const count = parseRecord(listing, debianPackagesFormat, {
    what: `the list of packages in ${folder}`,
    remedy: `remove ${folder}; the next run rebuilds it`,
    code: "build-failed",
  }).length;
  return {
    tar: join(folder, "root.tar"),
    key: contentKey(key, listing),
    provenance: {
      name: `Debian root ${root.name}`,
      version: suite,
      origin: `${count} Debian packages, versions and hashes in images/${root.name}-packages.json`,
      sum: `sha256:${createHash("sha256").update(listing).digest("hex")}`,
    },
  };
}

/** Turns the output of `apt-cache show` into one record per package. */
export function parsePackages(text: string): DebianPackage[] {
  const records: DebianPackage[] = [];
  let name = "";
  let version = "";
  for (const line of text.split("\n")) {
    const [field, value] = line.split(": ");
    if (field === "Package") name = value ?? "";
    else if (field === "Version") version = value ?? "";
    else if (field === "SHA256") records.push({ name, version, sha256: value ?? "" });
  }
  return records.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The host's own Debian sources if the host is Debian, so that its mirror is used; else Debian's default ones. */
async function mirrors(): Promise<string[]> {
  const deb822 = "/etc/apt/sources.list.d/debian.sources";
  const text = await readFile(deb822, "utf8").catch(() => "");
  if (text.includes(`Suites: ${suite}`)) return [deb822];
  const oneLine = "/etc/apt/sources.list";
  if (
    (await stat(oneLine).catch(() => undefined)) !== undefined &&
    (await readFile(oneLine, "utf8")).includes(` ${suite} `)
  ) {
    return [oneLine];
  }
  return [];
}

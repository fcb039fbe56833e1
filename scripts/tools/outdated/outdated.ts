import semver from "semver";
import { pins } from "#harness/config/pins.ts";
import {
  cilium,
  cniPlugins,
  containerd,
  coredns,
  etcd,
  helmTool,
  kindTool,
  kubernetes,
  registryTool,
} from "#harness/images/source/components.ts";
import type { DebianPackage } from "#harness/model/image-store.ts";

/** A pinned version, and the versions of its module among which a newer one counts. */
export interface Pin {
  readonly name: string;
  readonly module: string;
  readonly version: string;
  /** A semver range that a newer version must be in; every version where it is left out. */
  readonly within?: string;
}

/** Every pin of harness/config/pins.ts that is a Go module, and what follows from Kubernetes. */
export function pinsToCheck(etcdVersion: string): readonly Pin[] {
  const patches = (version: string): string => `~${version.replace(/^v/, "")}`;
  return [
    ...[
      kindTool,
      helmTool,
      containerd,
      cniPlugins,
      registryTool,
      coredns(pins.coredns),
      etcd(etcdVersion),
    ].map(({ name, module, version }) => ({ name, module, version })),
    ...Object.entries(pins.minors).flatMap(([minor, m]): Pin[] => [
      { ...moduleOf(cilium(m.cilium)[0]), name: `cilium ${minor}`, within: patches(m.cilium) },
      {
        ...moduleOf(kubernetes(m.kubernetes)),
        name: `kubernetes of cilium ${minor}`,
        within: patches(m.kubernetes),
      },
    ]),
    { ...moduleOf(cilium(pins.cilium)[0]), name: "cilium" },
    { ...moduleOf(kubernetes(Object.values(pins.minors).at(-1)?.kubernetes ?? "")), name: "kubernetes" },
  ];
}

const moduleOf = ({ module, version }: { readonly module: string; readonly version: string }) => ({
  module,
  version,
});

/** Released versions that are newer than the pin, the newest first. */
export const newer = ({ version, within }: Pin, listed: readonly string[]): string[] =>
  listed
    .filter((v) => semver.valid(v) !== null && semver.prerelease(v) === null)
    .filter((v) => semver.gt(v, version) && (within === undefined || semver.satisfies(v, within)))
    .sort(semver.rcompare);

/** The first of some versions that is served; undefined where all are refused. */
export async function newestServed(
  versions: readonly string[],
  isServed: (version: string) => Promise<boolean>,
): Promise<string | undefined> {
  for (const version of versions) if (await isServed(version)) return version;
  return undefined;
}

/** How many refused patch releases in a row mean that no later one exists. */
const refusedInARow = 3;

/**
 * The newest patch of the pin's minor that is served, by asking for one after the other: a proxy may serve versions that
 * its list lacks. A refused one in between is passed over.
 */
export async function newestPatch(
  version: string,
  isServed: (version: string) => Promise<boolean>,
): Promise<string | undefined> {
  const pinned = semver.parse(version);
  if (pinned === null) return undefined;
  let newest: string | undefined;
  let refused = 0;
  for (let patch = pinned.patch + 1; refused < refusedInARow; patch += 1) {
    const next = `v${pinned.major}.${pinned.minor}.${patch}`;
    const served = await isServed(next);
    if (served) newest = next;
    refused = served ? 0 : refused + 1;
  }
  return newest;
}

/** The versions of a root's chosen packages; other packages of the root follow from them. */
export const debianLines = (
  root: string,
  chosen: readonly string[],
  installed: readonly DebianPackage[],
): string[] =>
  installed
    .filter((p) => chosen.includes(p.name))
    .map(
      (p) => `${p.name.padEnd(24)} ${p.version} in root ${root}, from Debian bookworm: follows the mirror`,
    );

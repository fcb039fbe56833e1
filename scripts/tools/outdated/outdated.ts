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
} from "#harness/images/source/components.ts";

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
    ...[kindTool, helmTool, containerd, cniPlugins, coredns(pins.coredns), etcd(etcdVersion)].map(
      ({ name, module, version }) => ({ name, module, version }),
    ),
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

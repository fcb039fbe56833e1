import semver from "semver";
import { valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";

/** Images of Cilium's release, whose tag is its version. */
const images: readonly { readonly path: string; readonly what: string }[] = [
  { path: "image", what: "the agents" },
  { path: "operator.image", what: "the operator" },
  { path: "clustermesh.apiserver.image", what: "clustermesh-apiserver" },
  { path: "hubble.relay.image", what: "Hubble Relay" },
  { path: "preflight.image", what: "the preflight check" },
];

/**
 * Images that values name themselves: a new chart then runs the programs that they name, with a configuration for its
 * own version. Common where a whole values file was copied, and with `--reuse-values` (upgrade guide of Cilium).
 */
export function imagePins(values: Readonly<Record<string, unknown>>, to: string): CertificateFinding[] {
  const pinned = images.flatMap(({ path, what }) => {
    const pin = pinOf(values, path, to);
    return pin === undefined ? [] : [{ ...pin, what }];
  });
  const other = pinned.filter((p) => p.version !== undefined);
  const unknown = pinned.filter((p) => p.version === undefined);
  return [...finding(other, to), ...finding(unknown, to)];
}

interface Pin {
  readonly path: string;
  readonly is: string;
  /** Undefined if the text does not say it. */
  readonly version: string | undefined;
}

/** As the chart reads them: `override` is the whole reference, and a digest counts unless `useDigest` is false. */
function pinOf(values: Readonly<Record<string, unknown>>, path: string, to: string): Pin | undefined {
  const at = (key: string): string => {
    const value = valueAt(values, `${path}.${key}`);
    return typeof value === "string" ? value : "";
  };
  const isByDigest = valueAt(values, `${path}.useDigest`) !== false && at("digest") !== "";
  for (const [key, is] of [
    ["override", at("override")],
    ["tag", at("tag")],
    ["digest", isByDigest ? at("digest") : ""],
  ] as const) {
    if (is === "") continue;
    const version = versionIn(key === "override" ? is.replace(/@.*$/, "").replace(/^.*:/, "") : is);
    return version === to ? undefined : { path: `${path}.${key}`, is, version };
  }
  return undefined;
}

/** The release that a tag begins with; builds of it may have a suffix. */
const versionIn = (tag: string): string | undefined =>
  /^v?\d+\.\d+\.\d+/.test(tag) ? semver.parse(/^v?(\d+\.\d+\.\d+)/.exec(tag)?.[1])?.version : undefined;

function finding(pins: readonly (Pin & { readonly what: string })[], to: string): CertificateFinding[] {
  const [first] = pins;
  if (first === undefined) return [];
  const list = pins.map((p) => `${p.path} is ${p.is}`).join(", ");
  const programs = pins.map((p) => p.what).join(", ");
  const runs =
    first.version === undefined
      ? `which release ${programs} then run is not known`
      : `the chart of ${to} then runs ${programs} of ${[...new Set(pins.map((p) => p.version))].join(" and ")}, with a configuration for ${to}`;
  return [
    {
      id: "image-pinned",
      // Who names the agents' tag alone does so to choose the release; a whole list, or a digest, is easily forgotten.
      grade: pins.length === 1 && first.path === "image.tag" ? "information" : "caution",
      message: `the values name images: ${list}; ${runs}`,
      remedy: `leave them out, with their digests, or name those of ${to}`,
    },
  ];
}

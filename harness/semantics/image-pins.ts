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
export function imagePins(values: Values, to: string): CertificateFinding[] {
  const pinned = pinsBeside(values, to);
  const other = pinned.filter((p) => p.version !== undefined);
  const unknown = pinned.filter((p) => p.version === undefined);
  return [...finding(other, to), ...finding(unknown, to)];
}

type Values = Readonly<Record<string, unknown>>;

/** An image that values name. */
export interface ImagePin {
  /** The value that decides on it. */
  readonly path: string;
  readonly is: string;
  /** The release, without what a vendor adds; undefined if the text does not say it. */
  readonly version: string | undefined;
  /** The program. */
  readonly what: string;
}
type Pin = Omit<ImagePin, "what">;

/** The images that values name, but for those of a release. */
export const pinsBeside = (values: Values, release: string): ImagePin[] =>
  images.flatMap(({ path, what }) => {
    const pin = pinOf(values, path, release);
    return pin === undefined ? [] : [{ ...pin, what }];
  });

/**
 * As the chart reads them (templates/_helpers.tpl, cilium.image): `override` is the whole reference; a digest of the
 * values decides, unless `useDigest` is false, and only a tag beside it tells of which release it is; a tag alone changes the
 * name beside the digest of the new chart, which decides if it has one.
 */
function pinOf(values: Values, path: string, to: string): Pin | undefined {
  const at = (key: string): string => {
    const value = valueAt(values, `${path}.${key}`);
    return typeof value === "string" ? value : "";
  };
  const override = at("override");
  if (override !== "") {
    const version = versionIn(override.replace(/@.*$/, "").replace(/^.*:/, ""));
    return version === to ? undefined : { path: `${path}.override`, is: override, version };
  }
  const tag = at("tag");
  const ofTag = tag === "" ? undefined : versionIn(tag);
  const digest = ["digest", "genericDigest", "awsDigest", "azureDigest", "alibabacloudDigest"].find(
    (key) => at(key) !== "",
  );
  if (digest !== undefined && valueAt(values, `${path}.useDigest`) !== false)
    return {
      path: `${path}.${digest}`,
      is: `${at(digest)}${tag === "" ? "" : ` (tag ${tag})`}`,
      version: ofTag === to ? undefined : ofTag,
    };
  return tag === "" || ofTag === to ? undefined : { path: `${path}.tag`, is: tag, version: ofTag };
}

/** The release that a tag begins with; builds of it may have a suffix. */
const versionIn = (tag: string): string | undefined =>
  semver.parse(/^v?(\d+\.\d+\.\d+(?:-(?:rc|pre|snapshot)\.\d+)?)/.exec(tag)?.[1])?.version;

function finding(pins: readonly ImagePin[], to: string): CertificateFinding[] {
  const [first] = pins;
  if (first === undefined) return [];
  const list = pins.map((p) => `${p.path} is ${p.is}`).join(", ");
  const programs = pins.map((p) => p.what).join(", ");
  const runs =
    first.version === undefined
      ? `which release ${programs} then run is not known`
      : `unless the digests of the new chart decide, it runs ${programs} of ${[...new Set(pins.map((p) => p.version))].join(" and ")}, with a configuration for ${to}`;
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

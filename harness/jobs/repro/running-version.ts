import semver from "semver";
import { pins } from "#harness/config/pins.ts";
import type { Note, SourceObject } from "#harness/model/source-environment.ts";
import { pinsBeside } from "#harness/semantics/image-pins.ts";
import { listOf } from "#harness/semantics/policy-model.ts";
import type { Part } from "./part.ts";
import { at, isPlaceholder } from "./values-at.ts";

type Values = Readonly<Record<string, unknown>>;

interface FoundVersion {
  readonly version: string | undefined;
  readonly notes: readonly Note[];
}

/** From the running agents, else from the image in the values, else from the chart. */
export function versionOf(
  objects: readonly SourceObject[],
  values: Values,
  parts: readonly Part[],
): FoundVersion {
  const images = objects
    .flatMap((o) => [o.spec, o.spec?.template?.spec])
    .flatMap((spec) => listOf(spec?.containers))
    .filter((c) => c.name === "cilium-agent")
    .map((c) => tagOf(typeof c.image === "string" ? c.image : undefined));
  const image = ["image.override", "image.tag"]
    .map((path) => at(values, path))
    .find((text) => typeof text === "string" && text !== "");
  const labels = objects
    .filter((o) => o.metadata.labels?.["k8s-app"] === "cilium")
    .map((o) => o.metadata.labels?.["app.kubernetes.io/version"] ?? o.metadata.labels?.["helm.sh/chart"]);
  const written = [
    ...images,
    typeof image === "string" ? tagOf(image) : undefined,
    ...labels,
    ...parts.map((p) => p.version),
  ];
  const found = written.filter((w) => w !== undefined && /\d+\.\d+\.\d+/.test(w) && !isRange(w));
  const notes: Note[] = [];
  const running = new Set(images.filter((i) => i !== undefined));
  if (running.size > 1)
    notes.push({
      field: "Cilium",
      inSource: `agents of several versions: ${[...running].join(", ")}`,
      inLab: "one version for all agents",
      matters: "perhaps",
      part: "source",
    });
  const [tag] = found;
  if (running.size === 0) notes.push(...otherImages(values, parts, releaseIn(tag).version));
  if (tag === undefined) {
    const guess = newestOf(written);
    if (guess !== undefined)
      notes.push({
        field: "Cilium",
        inSource: `${guess.range}, of which no file says the release that runs`,
        inLab: `${guess.version}, the newest of it that this Meshproof knows`,
        matters: "perhaps",
        part: "other",
      });
    return { version: guess?.version, notes };
  }
  const { version, suffix } = releaseIn(tag);
  if (suffix !== "")
    notes.push({
      field: "Cilium's build",
      inSource: tag,
      inLab: `${version}: the release of that number, without what ${suffix} adds`,
      matters: "perhaps",
      part: "unavailable",
    });
  return { version, notes };
}

/** A release, and what a vendor adds to its number. RKE2 numbers its charts 1.16.400, 1.16.401 for 1.16.4. */
function releaseIn(tag: string | undefined): { readonly version: string; readonly suffix: string } {
  const [, minor = "", patch = "", suffix = ""] = /v?(\d+\.\d+)\.(\d+)(.*)$/.exec(tag ?? "") ?? [];
  if (minor === "") return { version: "", suffix };
  return { version: `${minor}.${/^\d{3,4}$/.test(patch) ? patch.slice(0, -2) : patch}`, suffix };
}

/**
 * Images of another release than the chart's, or than the agents' where nothing tells the chart. `runs`: what the agents
 * are taken for; empty if nothing tells it.
 */
function otherImages(values: Values, parts: readonly Part[], runs: string): Note[] {
  const chart = parts
    .filter((p) => p.version !== undefined && !isRange(p.version))
    .map((p) => releaseIn(p.version).version)
    .find((v) => v !== "");
  const release = chart ?? runs;
  const pins = pinsBeside(values, release).filter(
    (p) => !isPlaceholder(p.is) && releaseIn(p.version).version !== release,
  );
  if (pins.length === 0 || release === "") return [];
  const named = pins.map(
    (p) =>
      `${p.path} is ${p.is.slice(0, 120)} (${p.what} of ${p.version ?? "a release that it does not say"})`,
  );
  // A tag alone stands beside the digest of the chart, if that has one.
  const isTag = pins.some(
    ({ path }) => path.endsWith(".tag") && at(values, path.replace(/tag$/, "useDigest")) !== false,
  );
  const beside = chart === undefined ? `the agents are of ${runs}` : `the chart is ${chart}`;
  return [
    {
      field: "Cilium",
      inSource: `${named.join(", ")}; ${beside}${isTag ? ", and if it has digests, they decide" : ""}`,
      inLab: `${runs}, for all programs`,
      matters: "perhaps",
      part: "source",
    },
  ];
}

/** A chart's range, such as `1.18.x` or `>=1.18.0 <1.19.0`, and not one version. */
const isRange = (text: string): boolean => /[<>~^|*\s]|\.x\b/.test(text);

/** Of a chart's range, the newest release that this Meshproof knows. */
function newestOf(
  written: readonly (string | undefined)[],
): { readonly range: string; readonly version: string } | undefined {
  const known = Object.values(pins.minors).map((m) => m.cilium);
  for (const range of written) {
    if (range === undefined || !/\d/.test(range)) continue;
    const version = semver.maxSatisfying(known, range);
    if (version !== null) return { range, version };
  }
  return undefined;
}

/** The tag of an image, without its digest; of a plain tag itself. */
function tagOf(image: string | undefined): string | undefined {
  const name = image?.split("@")[0];
  return name === undefined || name === "" ? undefined : name.slice(name.lastIndexOf(":") + 1);
}

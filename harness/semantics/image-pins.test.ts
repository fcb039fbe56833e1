import { expect, test } from "vitest";
import { imagePins } from "./image-pins.ts";

const of = (values: Readonly<Record<string, unknown>>) => imagePins(values, "1.20.2");

test("a tag of the old release stops the upgrade of that program; several are one finding", () => {
  expect(
    of({
      image: { tag: "v1.18.6", digest: "sha256:0" },
      operator: { image: { tag: "v1.18.6" } },
      hubble: { relay: { image: { tag: "1.18.6-distroless" } } },
    }),
  ).toMatchObject([
    {
      id: "image-pinned",
      grade: "caution",
      message: expect.stringMatching(
        /image\.digest is sha256:0 \(tag v1\.18\.6\), operator\.image\.tag .* the agents, the operator, Hubble Relay of 1\.18\.6/,
      ),
    },
  ]);
});

test("a whole reference counts, whatever its registry and digest", () => {
  const override = "registry:5000/cilium/cilium:v1.19.7@sha256:0";
  expect(of({ image: { override } })).toMatchObject([
    { grade: "caution", message: expect.stringContaining("of 1.19.7") },
  ]);
});

test("a tag that names no release, or only a digest, leaves the release unknown", () => {
  for (const image of [
    { tag: "latest" },
    { digest: "sha256:0" },
    { tag: "v1.20.2", digest: "sha256:0" },
    { genericDigest: "sha256:0" },
  ])
    expect(of({ clustermesh: { apiserver: { image } } })).toMatchObject([
      { message: expect.stringContaining("is not known") },
    ]);
});

test("what names no image of another release is silent", () => {
  expect(of({})).toEqual([]);
  expect(of({ image: { tag: "v1.20.2" } })).toEqual([]);
  expect(of({ image: { digest: "sha256:0", useDigest: false } })).toEqual([]);
  expect(of({ envoy: { image: { tag: "v1.35.9" } }, image: { repository: "mirror/cilium" } })).toEqual([]);
});

test("the agents' tag alone chooses the release, and is no more than information", () => {
  expect(of({ image: { tag: "v1.19.7" } })).toMatchObject([{ grade: "information" }]);
});

test("a candidate is the release that it names", () => {
  expect(imagePins({ image: { tag: "v1.21.0-rc.1" } }, "1.21.0-rc.1")).toEqual([]);
});

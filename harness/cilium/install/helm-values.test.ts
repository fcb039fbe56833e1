import { expect, test } from "vitest";
import { tunings } from "#harness/model/tuning.ts";
import { baseValues } from "./helm-values.ts";

const valuesOf = (tuning: (typeof tunings)[number]) =>
  baseValues({ tuning, cluster: { name: "east", id: 1 }, controlPlane: "east-control-plane" });

test("a tuned lab has no Hubble; an untuned one has it as in the chart, without relay and UI", () => {
  expect(valuesOf("tuned").hubble).toEqual({ enabled: false });
  expect(valuesOf("untuned").hubble).toEqual({ relay: { enabled: false }, ui: { enabled: false } });
});

test.each(tunings)(
  "Envoy is off in a lab that is %s, and nothing but Hubble depends on the tuning",
  (tuning) => {
    const { hubble: _, ...values } = valuesOf(tuning);
    expect(values).toMatchObject({ l7Proxy: false, envoy: { enabled: false } });
    const { hubble: _tuned, ...tuned } = valuesOf("tuned");
    expect(values).toEqual(tuned);
  },
);

import { expect, test } from "vitest";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot, PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { cartCluster, clusterLabel, labelled, localByDefault, shopPolicy } from "./example-carts.ts";
import { causesOf, east, meshWith, ok, west, withSettings } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const on = { [localByDefault]: "true", "mesh-auth-enabled": "true" };
const of = (app: string, cluster: string) => ({ matchLabels: { app, [clusterLabel]: cluster } });
const required = { authentication: { mode: "required" } };

const mesh = (
  { ofEast = [], ofWest = [] }: { ofEast?: PolicyObject[]; ofWest?: PolicyObject[] },
  settings: Record<string, string> = on,
): MeshSnapshot =>
  meshWith(
    {
      ...cartCluster(east, 1),
      config: withSettings(east, settings).config,
      policyObjects: ok(ofEast),
    },
    { ...cartCluster(west, 2), config: withSettings(west, settings).config, policyObjects: ok(ofWest) },
  );
const found = (...args: Parameters<typeof mesh>): Finding[] =>
  causesOf(mesh(...args)).filter((f) => f.id === "policy-authentication");
const ingress = (...rules: readonly unknown[]): PolicyObject =>
  shopPolicy({ endpointSelector: labelled("cart"), ingress: rules });

test("a rule that asks pods of another cluster for mutual authentication, with the patch that lets them through", () => {
  const own = { fromEndpoints: [of("client", "east")], ...required };
  const [first, ...more] = found({
    ofEast: [ingress(own, { fromEndpoints: [of("client", "west")], ...required })],
  });
  expect(more).toEqual([]);
  expect(first).toMatchObject({
    ...{ severity: "broken", cluster: "east", subject: "policy shop/from-clients of east" },
    message: expect.stringMatching(
      /requires mutual authentication in spec\.ingress\[1\], .*: pods of west \(shop\/client-2\), .* the backends of east of global service shop\/cart$/,
    ),
  });
  const commands = first === undefined ? [] : remedyCommands(first, ["east", "west"]);
  expect(commands.map((c) => c.argv.at(-1))).toEqual([
    '[{"op":"remove","path":"/spec/ingress/1/authentication"}]',
  ]);
});

test("towards backends of another cluster too", () => {
  const egress = [{ toEndpoints: [of("cart", "east")], ...required }];
  const policy = shopPolicy({ endpointSelector: labelled("client"), egress });
  expect(found({ ofWest: [policy] })).toMatchObject([
    { cluster: "west", message: expect.stringMatching(/in spec\.egress\[0\], .* the backends of east /) },
  ]);
});

test("not where it stays within the cluster, is switched off, or another policy denies it anyway", () => {
  const asking = { fromEndpoints: [of("client", "west")], ...required };
  expect(found({ ofEast: [ingress({ fromEndpoints: [labelled("client")], ...required })] })).toEqual([]);
  const disabled = { ...asking, authentication: { mode: "disabled" } };
  expect(found({ ofEast: [ingress(disabled)] })).toEqual([]);
  expect(found({ ofEast: [ingress(asking)] }, { ...on, "mesh-auth-enabled": "false" })).toEqual([]);
  // Off by default from 1.19 on.
  expect(found({ ofEast: [ingress(asking)] }, { [localByDefault]: "true" })).toEqual([]);
  const denial = shopPolicy(
    { endpointSelector: labelled("cart"), ingressDeny: [{ fromEndpoints: [of("client", "west")] }] },
    { name: "denial" },
  );
  expect(found({ ofEast: [ingress(asking), denial] })).toEqual([]);
});

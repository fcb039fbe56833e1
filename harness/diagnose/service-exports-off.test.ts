import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { refusalOf } from "#harness/semantics/refusals.ts";
import { causesOf, meshWith, ok } from "./healthy-mesh.ts";

const words = "starting synchronizing service exports without the required CRD installed";
const found = (error: string, over: Partial<ClusterSnapshot> = {}) =>
  causesOf(
    meshWith({
      refusedRequests: ok([
        {
          ...{ container: "apiserver", text: `${words}" module=x error="${error}"`, times: 1 },
          // Once, when it started, long before the evidence.
          atMs: Date.parse("2026-11-21T09:29:15Z"),
        },
      ]),
      ...over,
    }),
  ).filter((f) => f.id === "service-exports-off");
const absent =
  'customresourcedefinitions.apiextensions.k8s.io "serviceexports.multicluster.x-k8s.io" not found';
const older = 'CRD "serviceexports.multicluster.x-k8s.io" does not have version "v1beta1"';

test("clustermesh-apiserver that started before the CRD was there exports nothing", () => {
  expect(found(absent)).toMatchObject([
    {
      ...{ severity: "broken", cluster: "east", layer: "control plane" },
      message: expect.stringMatching(/exports no ServiceExport: when it started, CRD \S+ did not exist, /),
      next: expect.stringContaining(
        "then kubectl -n kube-system rollout restart deployment/clustermesh-apiserver;",
      ),
    },
  ]);
  expect(found(older)[0]?.message).toContain("did not have version v1beta1, ");
});

test("its log, as text and as JSON", () => {
  const error = older.replaceAll('"', '\\"');
  for (const line of [
    `time=2026-11-21T09:29:15Z level=warn msg="${words}" module=x error="${error}"`,
    `{"level":"warn","msg":"${words}","error":"${error}"}`,
  ])
    expect(refusalOf(line)).toMatchObject({ kind: "crd-missing", why: "did not have version v1beta1" });
});

test("where there is none to export, it is a suspicion", () => {
  expect(found(absent, { serviceExports: ok([]) })).toMatchObject([{ severity: "suspect" }]);
  expect(found(absent, { serviceExports: ok([{ namespace: "shop", name: "cart" }]) })).toMatchObject([
    { severity: "broken" },
  ]);
});

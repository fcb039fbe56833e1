import { expect, test } from "vitest";
import { refusePrinted } from "./printed-forms.ts";

test.each([
  [
    "kubectl get configmap cilium-config -n kube-system -o yaml",
    "Name:         cilium-config\nNamespace:    kube-system\nLabels:       <none>\n\nData\n====\ncluster-id:\n----\n0\n",
  ],
  [
    "kubectl get nodes -o yaml",
    "$ kubectl describe nodes\nName:               n1\nRoles:              <none>\nSystem Info:\n  Kubelet Version:            v1.32.6\n",
  ],
  [
    "kubectl get KIND -A -o yaml",
    "Name:         cart\nNamespace:    shop\nAPI Version:  cilium.io/v2\nKind:         CiliumNetworkPolicy\n",
  ],
  [
    "helm get values cilium",
    "NAME\tNAMESPACE\tREVISION\tUPDATED\tSTATUS\tCHART\tAPP VERSION\ncilium\tkube-system\t3\tx\tdeployed\tcilium-1.18.6\t1.18.6\n",
  ],
  [
    "-o yaml",
    "NAME   TYPE        CLUSTER-IP   PORT(S)   AGE\ncart   ClusterIP   10.0.0.1     80/TCP    3d\n",
  ],
  [
    "-o yaml",
    "NAMESPACE   NAME   READY   STATUS    RESTARTS   AGE\nshop        cart   1/1     Running   0          3d\n",
  ],
])("what is printed for people is refused: %s", (remedy, text) => {
  expect(() => refusePrinted(text, "x.txt")).toThrow(
    expect.objectContaining({
      code: "config-invalid",
      message: expect.stringMatching(/^x\.txt is (output|the table|a table) of `(kubectl|helm)/),
      remedy: expect.stringContaining(remedy),
    }),
  );
});

test.each([
  ["data values", "#@data/values\n---\ncluster:\n  name: east\n"],
  ["data values", "#@data/values-schema\n---\ncluster:\n  name: ''\n"],
  ["a template", '#@ load("@ytt:data", "data")\n---\ncluster:\n  id: 1\n'],
  ["a template", "cluster:\n  name: east\n  id: #@ data.values.cluster.id\n"],
  ["a template", 'data:\n  "cluster-id": #@ data.values.id\n'],
])("%s of ytt, whose lines are comments to YAML, is refused", (what, text) => {
  expect(() => refusePrinted(text, "x.yaml")).toThrow(
    expect.objectContaining({ message: expect.stringMatching(new RegExp(`^x\\.yaml is ${what} of ytt`)) }),
  );
});

test.each([
  "#@alice: raise it after the upgrade\ncluster: {}\n",
  "# see #@ below\nnote: 'a: #@ b'\n",
  "cluster:\n  name: alpha\n",
  "Name: cilium-config\nNamespace: kube-system\n",
  "cluster-id    1\ncluster-name  alpha\n",
  "NAME: cilium\nLAST DEPLOYED: x\n",
  "",
])("anything else is read: %j", (text) => {
  expect(() => refusePrinted(text, "x")).not.toThrow();
});

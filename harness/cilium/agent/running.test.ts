import { expect, test } from "vitest";
import { readStartedWith, readTunnelDevices, runningOfLinks } from "./running.ts";

const links = `7: cilium_vxlan: <BROADCAST,MULTICAST> mtu 65485 qdisc noqueue state DOWN mode DEFAULT group default
    link/ether 5a:fb:f3:7e:c6:26 brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535
    vxlan external id 0 srcport 0 0 dstport 8473 nolearning ttl auto ageing 300 udpcsum
8: other@if3: <BROADCAST,UP> mtu 1500
    vxlan id 7 dstport 4789
9: cilium_geneve@NONE: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UNKNOWN
    geneve external id 0 ttl auto dstport 6081 udp6zerocsumrx
`;
const text = `# tunnels
${links}# started with
tunnel-port:8473
cluster-name:west
labels:k8s:!tier k8s:app
note:a
note:b
empty:
`;

test("what an agent runs with: Cilium's tunnel devices, and the settings of its start", () => {
  const devices = [
    { protocol: "vxlan", up: false, port: 8473 },
    { protocol: "geneve", up: true, port: 6081 },
  ];
  expect(readTunnelDevices(text)).toEqual(devices);
  expect(readStartedWith(text)).toEqual({
    "tunnel-port": "8473",
    "cluster-name": "west",
    labels: "k8s:!tier k8s:app",
    note: "a\nb",
    empty: "",
  });
  expect(readTunnelDevices(runningOfLinks(links))).toEqual(devices);
});

test("an archive has no settings of the start, and a node without a tunnel no device", () => {
  expect(readStartedWith(runningOfLinks(links))).toEqual({});
  expect(readTunnelDevices("# tunnels\n# started with\n")).toEqual([]);
});

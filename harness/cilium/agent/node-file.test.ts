import { expect, test } from "vitest";
import { readNodeFile } from "./node-file.ts";
import { readTroubleshoot } from "./troubleshoot.ts";

test("a node file: firewall rules that Kubernetes did not set, with their counters and their pod, and stopped processes", () => {
  const text = `# firewall
*raw
:PREROUTING ACCEPT [0:0]
[12:840] -A PREROUTING -p udp -m udp --dport 8472 -j DROP
[0:0] -A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -j DROP
[3:1] -A CILIUM_INPUT -j ACCEPT
COMMIT
# firewall of pod 10.2.0.7 pid 812
*filter
[5:300] -A INPUT -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset
# stopped processes
Tsl    648 cilium-agent --config-dir=/tmp/cilium/config-map
# routing rules
0:	from all lookup local
90:	from all to 10.2.0.0/16 blackhole
# network
default via 172.18.0.1 dev eth0
`;
  expect(readNodeFile(text)).toEqual({
    rules: [
      { podIp: "", table: "raw", text: "PREROUTING -p udp -m udp --dport 8472 -j DROP", packets: 12 },
      {
        ...{ podIp: "10.2.0.7", pid: 812, table: "filter" },
        text: "INPUT -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset",
        packets: 5,
      },
      { podIp: "", text: "routing rule from all to 10.2.0.0/16 blackhole", packets: 0 },
    ],
    stopped: ["cilium-agent --config-dir=/tmp/cilium/config-map"],
  });
});

test("troubleshoot: the failed steps of each peer, in order", () => {
  const text = `Found 1 cluster configurations

Cluster "west":
📄 Configuration path: /var/lib/cilium/clustermesh/west

🔌 Endpoints:
   - https://west.mesh.cilium.io:2379
     ✅ Hostname resolved to: 172.19.255.192
     ❌ Cannot establish TCP connection to west.mesh.cilium.io:2379: i/o timeout
`;
  expect(readTroubleshoot(text)).toEqual([
    { peer: "west", step: "Cannot establish TCP connection to west.mesh.cilium.io:2379: i/o timeout" },
  ]);
  expect(readTroubleshoot("Found 0 cluster configurations")).toEqual([]);
});

import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

// What decides whether an address of a load balancer is answered, and to whom.

export const balancerSchema = z.object({
  /** `loadBalancerClass`: who is to serve it, where the Service says so. */
  className: z.string().exactOptional(),
  /** `loadBalancerSourceRanges`. */
  sourceRanges: z.array(z.string()).exactOptional(),
  /** Its address is from Cilium's LB IPAM. */
  isFromCilium: z.literal(true).exactOptional(),
});

const selector = z.record(z.string(), z.unknown()).exactOptional();

const l2PolicySchema = z.object({
  name: z.string(),
  /** Regular expressions; without any, every device counts. */
  interfaces: z.array(z.string()),
  /** Without one, every service, or node, counts. */
  serviceSelector: selector,
  nodeSelector: selector,
  loadBalancerIps: z.boolean(),
});
/** A CiliumL2AnnouncementPolicy. */
export type L2Policy = Infer<typeof l2PolicySchema>;

const leaseSchema = z.object({ namespace: z.string(), name: z.string(), holder: z.string() });
export type LeaseState = Infer<typeof leaseSchema>;

const bgpAdvertSchema = z.object({
  /** `CiliumBGPAdvertisement services`. */
  title: z.string(),
  /** Without one, no service is selected. */
  selector,
  /** Whether it announces addresses of load balancers. */
  loadBalancerIps: z.boolean(),
});
/** What BGP announces of services: by a CiliumBGPAdvertisement, or a virtual router of a CiliumBGPPeeringPolicy. */
export type BgpAdvert = Infer<typeof bgpAdvertSchema>;

export const announcementsSchema = z.object({
  /** Of L2 announcements. Absent where they were not read, as the two below. */
  policies: z.array(l2PolicySchema).exactOptional(),
  bgp: z.array(bgpAdvertSchema).exactOptional(),
  leases: z.array(leaseSchema).exactOptional(),
});
/** What Cilium's announcements, by L2 or BGP, are decided by. */
export type Announcements = Infer<typeof announcementsSchema>;

export const deviceSchema = z.object({
  name: z.string(),
  ips: z.array(z.string()),
  /** The same with the lengths of their prefixes: `172.18.0.3/16`. Absent in evidence of earlier versions. */
  prefixes: z.array(z.string()).exactOptional(),
  /** In bytes. Absent in evidence of earlier versions, too. */
  mtu: z.number().exactOptional(),
});
/** A network device of a node, with its IPv4 addresses. */
export type NodeDevice = Infer<typeof deviceSchema>;

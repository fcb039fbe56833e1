import type { ProfileName } from "#harness/model/profile.ts";
import type { Profile } from "../mesh-installer.ts";
import { cliProfile } from "./cli.ts";
import { defaultProfile } from "./default.ts";
import { externalEtcdProfile } from "./external-etcd.ts";
import { kkpProfile } from "./kkp.ts";

export const profiles: Readonly<Record<ProfileName, Profile>> = {
  default: defaultProfile,
  kkp: kkpProfile,
  "external-etcd": externalEtcdProfile,
  cli: cliProfile,
};

// Links and their events as pages hold them: plain values, made from the messages of the wire contract.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { Act, Flow } from "../../gen/musubi/v1/common_pb.ts";
import { LinkEndReason, LinkEventType, LinkState } from "../../gen/musubi/v1/link_pb.ts";
import type { Link, LinkEvent } from "../../gen/musubi/v1/link_pb.ts";
import { toBase64Url } from "../../ui/bytes.ts";

type NameOf<E> = Exclude<keyof E, "UNSPECIFIED">;

export type EndReason = NameOf<typeof LinkEndReason>;
export type EventType = NameOf<typeof LinkEventType>;
export type ActName = NameOf<typeof Act>;
export type FlowName = NameOf<typeof Flow>;

/** A card tied to the account of the person who looks. Instants are milliseconds since the epoch. */
export interface CardLink {
  /** base64url. */
  id: string;
  relyingPartyId: string;
  active: boolean;
  createdAt: number | null;
  endedAt: number | null;
  endReason: EndReason | null;
  /** The name on the card; null unless it was asked for, and if its owner did not give it. */
  name: string | null;
}

export interface CardEvent {
  /** Position in the audit log, as decimal digits. */
  sequence: string;
  at: number | null;
  type: EventType | null;
  linkId: string;
  act: ActName | null;
  flow: FlowName | null;
  endReason: EndReason | null;
}

/** The enum's name of a value: null for UNSPECIFIED and for values that this page does not know. */
export function nameOf<E extends Record<string, number>>(names: E, value: number): NameOf<E> | null {
  for (const name of Object.keys(names)) {
    if (names[name] === value && name !== "UNSPECIFIED") return name as NameOf<E>;
  }
  return null;
}

export function instant(timestamp: Timestamp | undefined): number | null {
  return timestamp === undefined ? null : timestampMs(timestamp);
}

export function cardLink(link: Link): CardLink {
  return {
    id: toBase64Url(link.linkId),
    relyingPartyId: link.relyingPartyId,
    active: link.state === LinkState.ACTIVE,
    createdAt: instant(link.createdAt),
    endedAt: instant(link.endedAt),
    endReason: nameOf(LinkEndReason, link.endReason),
    name: link.name === "" ? null : link.name,
  };
}

export function cardEvent(event: LinkEvent): CardEvent {
  return {
    sequence: event.sequence.toString(),
    at: instant(event.at),
    type: nameOf(LinkEventType, event.type),
    linkId: toBase64Url(event.linkId),
    act: nameOf(Act, event.act),
    flow: nameOf(Flow, event.flow),
    endReason: nameOf(LinkEndReason, event.endReason),
  };
}

// What the status page shows, as a file for the person to keep: made in the page, from nothing but what is
// shown. No session, no pseudonym, no secret is in it, and no name that was not shown.
import type { CardEvent, CardLink } from "../account/links.ts";
import type { Shown } from "./machine.ts";

export const EXPORT_FORMAT = "musubi-links-1";

const time = (instant: number | null) => (instant === null ? null : new Date(instant).toISOString());

/** Without what is null: a field that is not there says nothing. */
function present(fields: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

function exportedLink(link: CardLink) {
  return present({
    link_id: link.id,
    relying_party_id: link.relyingPartyId,
    state: link.active ? "ACTIVE" : "ENDED",
    created_at: time(link.createdAt),
    ended_at: time(link.endedAt),
    end_reason: link.endReason,
    name: link.name,
  });
}

function exportedEvent(event: CardEvent) {
  return present({
    sequence: event.sequence,
    at: time(event.at),
    type: event.type,
    link_id: event.linkId,
    act: event.act,
    flow: event.flow,
    end_reason: event.endReason,
  });
}

/** JSON text. `now` is when it was made. */
export function exportOf(shown: Shown, now: number): string {
  return `${JSON.stringify(
    {
      format: EXPORT_FORMAT,
      exported_at: time(now),
      account: shown.me.name,
      links: shown.links.items.map(exportedLink),
      events: shown.events.items.map(exportedEvent),
      // False: the page had not shown everything when this was made.
      complete: shown.links.next === null && shown.events.next === null,
    },
    null,
    2,
  )}\n`;
}

/** As in "card-links-2026-11-27.json". */
export function exportName(now: number): string {
  return `card-links-${new Date(now).toISOString().slice(0, 10)}.json`;
}

/** Hands the text to the browser's downloads. Nothing is sent anywhere. */
export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

import { expect, test } from "vitest";
import type { CardEvent, CardLink } from "../account/links.ts";
import { exportName, exportOf } from "./export.ts";
import type { Shown } from "./machine.ts";

const NOW = Date.UTC(2026, 10, 27, 3, 4, 5);
const LINK: CardLink = {
  id: "bGluaw",
  relyingPartyId: "demo-university",
  active: true,
  createdAt: NOW,
  endedAt: null,
  endReason: null,
  name: null,
};
const EVENT: CardEvent = {
  sequence: "18446744073709551615",
  at: NOW,
  type: "CREATED",
  linkId: "bGluaw",
  act: "LINK",
  flow: "ONE_DEVICE",
  endReason: null,
};
const list = <T>(...items: T[]) => ({ items, next: null, loading: false, trouble: null, round: 0 });
const SHOWN: Shown = {
  kind: "shown",
  me: { name: "shiken1@example.ac.jp", authTime: NOW },
  links: list(LINK),
  events: list(EVENT),
  names: { step: "hidden" },
  ending: { step: "none" },
  endedHere: null,
};

test("The export holds what is shown, and nothing else", () => {
  expect(JSON.parse(exportOf(SHOWN, NOW))).toEqual({
    format: "musubi-links-1",
    exported_at: "2026-11-27T03:04:05.000Z",
    account: "shiken1@example.ac.jp",
    links: [
      {
        link_id: "bGluaw",
        relying_party_id: "demo-university",
        state: "ACTIVE",
        created_at: "2026-11-27T03:04:05.000Z",
      },
    ],
    events: [
      {
        sequence: "18446744073709551615",
        at: "2026-11-27T03:04:05.000Z",
        type: "CREATED",
        link_id: "bGluaw",
        act: "LINK",
        flow: "ONE_DEVICE",
      },
    ],
    complete: true,
  });
});

test("A name is in it only while it is shown", () => {
  expect(exportOf(SHOWN, NOW)).not.toContain("name");
  const named = { ...SHOWN, links: list({ ...LINK, name: "試験 一号" }) };
  expect(exportOf(named, NOW)).toContain('"name": "試験 一号"');
});

test("It says when there is more than was shown", () => {
  const more = { ...SHOWN, events: { ...SHOWN.events, next: "token" } };
  expect(exportOf(more, NOW)).toContain('"complete": false');
});

test("The file's name has the day", () => {
  expect(exportName(NOW)).toBe("card-links-2026-11-27.json");
});

import { expect, test } from "vitest";
import { LinkEventType, LinkState } from "../../gen/musubi/v1/link_pb.ts";
import type { DeleteLinkRequest, ListLinksRequest } from "../../gen/musubi/v1/link_pb.ts";
import { toBase64Url } from "../../ui/bytes.ts";
import { fakeTab, refusal, settled } from "../account/fakes.ts";
import type { FakeTab, Fakes } from "../account/fakes.ts";
import { startMy } from "../my/driver.ts";
import { startStatus } from "./driver.ts";
import { nameOfState } from "./machine.ts";

const id = (octet: number) => new Uint8Array(16).fill(octet);
const LINK = { linkId: id(1), state: LinkState.ACTIVE };
const ID = toBase64Url(id(1));

function linkService(...reasons: string[]) {
  const lists: ListLinksRequest[] = [];
  const deleted: DeleteLinkRequest[] = [];
  const links: Fakes["links"] = {
    listLinks: (request) => {
      lists.push(request);
      return { links: [{ ...LINK, name: request.includeName ? "試験 一号" : "" }] };
    },
    listLinkEvents: ({ pageToken }) =>
      pageToken === ""
        ? { events: [{ sequence: 2n, type: LinkEventType.CONFIRMED, linkId: id(1) }], nextPageToken: "next" }
        : { events: [{ sequence: 1n, type: LinkEventType.CREATED, linkId: id(1) }] },
    deleteLink: (request) => {
      deleted.push(request);
      const reason = reasons.shift();
      if (reason !== undefined) throw refusal(reason);
      return { link: { ...LINK, state: LinkState.ENDED } };
    },
  };
  return { lists, deleted, links };
}

const start = (tab: FakeTab, error: string | null = null) => startStatus(tab, () => "ja", error);

test("Names are asked for only after the press", async () => {
  const { lists, links } = linkService();
  const store = start(fakeTab({ links }));
  await settled();
  expect(lists.map((request) => request.includeName)).toEqual([false]);
  expect(JSON.stringify(store.state, (_, value: unknown) => value)).not.toContain("試験");
  store.send({ type: "show-names" });
  await settled();
  expect(lists.map((request) => request.includeName)).toEqual([false, true]);
  expect(nameOfState(store.state)).toBe("status-linked-names");
});

test("My account reads nothing before “Show information”", async () => {
  const { lists, links } = linkService();
  const store = startMy(fakeTab({ links }), () => "ja", null);
  await settled();
  expect(store.state.kind).toBe("hidden");
  expect(lists).toEqual([]);
  store.send({ type: "show" });
  await settled();
  expect(store.state).toMatchObject({ kind: "shown", links: [{ name: "試験 一号" }] });
});

test("The history goes on where it stopped", async () => {
  const { links } = linkService();
  const store = start(fakeTab({ links }));
  await settled();
  store.send({ type: "more-events" });
  await settled();
  expect(store.state).toMatchObject({
    events: { items: [{ sequence: "2" }, { sequence: "1" }], next: null },
  });
});

test("Unlinking after a new sign-in: asked again, and the same request", async () => {
  const { deleted, links } = linkService("SIGN_IN_TOO_OLD");
  const storage = new Map<string, string>();
  const tab = fakeTab({ links, storage });
  const store = start(tab);
  await settled();
  store.send({ type: "unlink", linkId: ID });
  store.send({ type: "unlink-yes" });
  await settled();
  store.send({ type: "sign-in" });
  await settled();
  expect(tab.signIns).toEqual(["STATUS_UNLINK"]);

  const back = start(fakeTab({ links, storage }));
  await settled();
  expect(nameOfState(back.state)).toBe("status-unlink-asked");
  expect(deleted).toHaveLength(1);
  back.send({ type: "unlink-yes" });
  await settled();
  expect(nameOfState(back.state)).toBe("status-unlinked");
  expect(deleted.map((request) => request.target)).toEqual([
    { case: "linkId", value: id(1) },
    { case: "linkId", value: id(1) },
  ]);
  expect(deleted[1]?.requestId).toEqual(deleted[0]?.requestId);
});

test("A sign-in that was stopped ends nothing and says so", async () => {
  const { deleted, links } = linkService();
  const store = start(fakeTab({ links, state: { session: null, signedIn: null } }), "SIGN_IN_CANCELLED");
  await settled();
  expect(store.state).toMatchObject({ kind: "signed-out", why: "SIGN_IN_CANCELLED" });
  expect(deleted).toEqual([]);
});

test("Back from the sign-in of “Unlink with the card”, the journey goes on", async () => {
  const tab = fakeTab({});
  tab.memory.set("begin", { act: "UNLINK", way: "other", until: tab.time.now() + 1 });
  start(tab);
  await settled();
  expect(tab.went).toEqual(["/journey"]);
});

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { Act, CancelReason, Flow, SessionState } from "../../gen/musubi/v1/common_pb.ts";
import { LinkState } from "../../gen/musubi/v1/link_pb.ts";
import type { CreateLinkRequest, DeleteLinkRequest } from "../../gen/musubi/v1/link_pb.ts";
import { SessionViewSchema } from "../../gen/musubi/v1/session_pb.ts";
import { toBase64Url } from "../../ui/bytes.ts";
import { SIGNED_IN, fakeTab, refusal, settled } from "../account/fakes.ts";
import type { FakeTab, Fakes } from "../account/fakes.ts";
import { factsOf, startDecision } from "./driver.ts";
import { nameOfState } from "./machine.ts";

const SESSION = new Uint8Array(16).fill(7);
const LINK = {
  linkId: new Uint8Array(16).fill(9),
  state: LinkState.ACTIVE,
  createdAt: timestampFromMs(2_000),
};

const view = (fields: { act?: Act; state?: SessionState; accountBound?: boolean } = {}) =>
  create(SessionViewSchema, {
    sessionId: SESSION,
    act: Act.LINK,
    flow: Flow.CROSS_DEVICE,
    state: SessionState.READY,
    accountBound: true,
    cardName: "試験 一号",
    maskedAccountHint: "sh***",
    readyUntil: timestampFromMs(300_000),
    verdict: { checkedAt: timestampFromMs(1_000) },
    ...fields,
  });

const start = (tab: FakeTab, session = view()) => startDecision(tab, session, () => "ja");

/** Notes the calls, and refuses the first ones with the reasons given. */
function linkService(...reasons: string[]) {
  const made: CreateLinkRequest[] = [];
  const deleted: DeleteLinkRequest[] = [];
  const answer = () => {
    const reason = reasons.shift();
    if (reason !== undefined) throw refusal(reason);
    return { link: LINK };
  };
  const links: Fakes["links"] = {
    createLink: (request) => {
      made.push(request);
      return answer();
    },
    deleteLink: (request) => {
      deleted.push(request);
      return answer();
    },
  };
  return { made, deleted, links };
}

test("What a session says is taken over", () => {
  expect(factsOf(view())).toEqual({
    sessionId: toBase64Url(SESSION),
    act: "LINK",
    flow: "CROSS_DEVICE",
    accountHint: "sh***",
    bound: true,
    cardName: "試験 一号",
    provenAt: 1_000,
    readyUntil: 300_000,
  });
});

test("Nothing is made before the press", async () => {
  const { made, links } = linkService();
  const store = start(fakeTab({ links }));
  await settled();
  expect(nameOfState(store.state)).toBe("link-decide");
  expect(made).toEqual([]);
});

test("The press sends session and request id, and nothing of the account", async () => {
  const { made, links } = linkService();
  const store = start(fakeTab({ links }));
  await settled();
  store.send({ type: "decide" });
  await settled();
  expect(nameOfState(store.state)).toBe("link-done-LINK");
  expect(made).toHaveLength(1);
  expect(made[0]?.sessionId).toEqual(SESSION);
  expect(made[0]?.signIn).toBeUndefined();
  expect(made[0]?.requestId).toHaveLength(16);
});

test("A decision keeps its request id over retries, a new sign-in and a reload", async () => {
  const { made, links } = linkService("INTERNAL", "SIGN_IN_TOO_OLD");
  const storage = new Map<string, string>();
  const store = start(fakeTab({ links, storage }));
  await settled();
  store.send({ type: "decide" });
  await settled();
  store.send({ type: "decide" });
  await settled();
  expect(nameOfState(store.state)).toBe("link-sign-in-SIGN_IN_TOO_OLD");

  const reloaded = start(fakeTab({ links, storage }));
  await settled();
  reloaded.send({ type: "decide" });
  await settled();
  expect(nameOfState(reloaded.state)).toBe("link-done-LINK");
  expect(new Set(made.map((request) => toBase64Url(request.requestId))).size).toBe(1);
});

test("A reload after the press shows its result again", async () => {
  const { made, links } = linkService();
  const storage = new Map<string, string>();
  const before = start(fakeTab({ links, storage }));
  await settled();
  before.send({ type: "decide" });
  await settled();
  const after = start(fakeTab({ links, storage }), view({ state: SessionState.USED }));
  await settled();
  expect(nameOfState(after.state)).toBe("link-done-LINK");
  expect(made[1]?.requestId).toEqual(made[0]?.requestId);
});

test("A session that was used elsewhere makes no call", async () => {
  const { made, links } = linkService();
  const store = start(fakeTab({ links }), view({ state: SessionState.USED }));
  await settled();
  expect(nameOfState(store.state)).toBe("link-over-USED");
  expect(made).toEqual([]);
});

test("UNLINK ends the link of the session's card", async () => {
  const { made, deleted, links } = linkService();
  const store = start(fakeTab({ links }), view({ act: Act.UNLINK }));
  await settled();
  store.send({ type: "decide" });
  await settled();
  expect(nameOfState(store.state)).toBe("link-done-UNLINK");
  expect(made).toEqual([]);
  expect(deleted[0]?.target).toEqual({ case: "sessionId", value: SESSION });
});

test("Unlinking at hand ends the link that was made, with a request id of its own", async () => {
  const { made, deleted, links } = linkService();
  const store = start(fakeTab({ links }));
  await settled();
  store.send({ type: "decide" });
  await settled();
  store.send({ type: "undo" });
  store.send({ type: "undo-yes" });
  await settled();
  expect(nameOfState(store.state)).toBe("link-done-LINK-undo-done");
  expect(deleted[0]?.target).toEqual({ case: "linkId", value: LINK.linkId });
  expect(deleted[0]?.requestId).not.toEqual(made[0]?.requestId);
});

test("Card first: the account is bound before the decision, and only once", async () => {
  let bound = 0;
  const session: Fakes["session"] = {
    bindAccount: () => {
      bound += 1;
      return {};
    },
  };
  const store = start(fakeTab({ session }), view({ accountBound: false }));
  await settled();
  expect(nameOfState(store.state)).toBe("link-decide");
  expect(bound).toBe(1);
});

test("One press signs in and comes back to this session", async () => {
  const tab = fakeTab({ state: { session: null, signedIn: null } });
  const store = start(tab);
  await settled();
  store.send({ type: "sign-in" });
  await settled();
  expect(tab.signIns).toEqual(["LINK"]);
  expect(tab.went).toEqual(["https://idp.example/authorize"]);
  expect(tab.memory.get("signIn")).toEqual({
    sessionId: toBase64Url(SESSION),
    purpose: "LINK",
    authTimeBefore: null,
  });
});

test("“Do not link” cancels the session", async () => {
  const reasons: CancelReason[] = [];
  const session: Fakes["session"] = {
    cancelSession: ({ reason }) => {
      reasons.push(reason);
      return {};
    },
  };
  const store = start(fakeTab({ session, state: { session: null, signedIn: SIGNED_IN } }));
  await settled();
  store.send({ type: "decline" });
  await settled();
  expect(nameOfState(store.state)).toBe("link-over-CANCELLED_HERE");
  expect(reasons).toEqual([CancelReason.USER_CANCELLED]);
});

import { expect, test } from "vitest";
import { Act, FlowPolicy } from "../../gen/musubi/v1/common_pb.ts";
import type { ClaimStartRequest } from "../../gen/musubi/v1/session_pb.ts";
import { fakeTab, refusal, settled } from "../account/fakes.ts";
import type { Fakes } from "../account/fakes.ts";
import { startRecovery } from "./driver.ts";
import { nameOfState } from "./machine.ts";

const SESSION = "A".repeat(22);
const FRAGMENT = `#s=${SESSION}.${"A".repeat(43)}`;

function sessionService(flowPolicy: FlowPolicy, ...reasons: string[]) {
  const claims: ClaimStartRequest[] = [];
  const session: Fakes["session"] = {
    claimStart: (request) => {
      claims.push(request);
      const reason = reasons.shift();
      if (reason !== undefined) throw refusal(reason);
      return { act: Act.VERIFY };
    },
    getSession: () => ({
      session: { flowPolicy, relyingParty: { name: { ja: "見本大学", en: "Sample University" } } },
    }),
  };
  return { claims, session };
}

test("Opening the page claims nothing; a press does, and says who asks", async () => {
  const { claims, session } = sessionService(FlowPolicy.ONE_DEVICE_ONLY);
  const store = startRecovery(fakeTab({ session }), FRAGMENT);
  await settled();
  expect(nameOfState(store.state, true)).toBe("start-offered");
  expect(claims).toEqual([]);
  store.send({ type: "begin" });
  await settled();
  expect(claims).toHaveLength(1);
  expect(claims[0]).toMatchObject({ sessionId: new Uint8Array(16), startCode: new Uint8Array(32) });
  expect(store.state).toMatchObject({
    kind: "claimed",
    journey: { relyingParty: { en: "Sample University" }, crossDevice: false },
  });
});

test("A press that is repeated is the same request", async () => {
  const { claims, session } = sessionService(FlowPolicy.ANY, "INTERNAL");
  const store = startRecovery(fakeTab({ session }), FRAGMENT);
  await settled();
  store.send({ type: "begin" });
  await settled();
  store.send({ type: "begin" });
  await settled();
  expect(claims).toHaveLength(2);
  expect(claims[1]?.requestId).toEqual(claims[0]?.requestId);
  expect(store.state).toMatchObject({ kind: "claimed", journey: { crossDevice: true } });
});

test("The code is kept nowhere", async () => {
  const storage = new Map<string, string>();
  const { session } = sessionService(FlowPolicy.ANY);
  const store = startRecovery(fakeTab({ session, storage }), FRAGMENT);
  await settled();
  store.send({ type: "begin" });
  await settled();
  expect(JSON.stringify([...storage])).not.toContain("A".repeat(43));
  expect(JSON.stringify(store.state)).not.toContain("A".repeat(43));
});

test("A reload after the claim goes on with the session", async () => {
  const { claims, session } = sessionService(FlowPolicy.ONE_DEVICE_ONLY);
  const state = { session: { id: SESSION, act: "VERIFY" as const, expiresAt: "" }, signedIn: null };
  const store = startRecovery(fakeTab({ session, state }), "");
  await settled();
  expect(store.state.kind).toBe("claimed");
  expect(claims).toEqual([]);
});

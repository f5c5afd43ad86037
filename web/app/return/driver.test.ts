import { describe, expect, test } from "vitest";
import type { CompleteReturnRequest } from "../../gen/musubi/v1/pairing_pb.ts";
import type { BrowserState } from "../../shared/page.ts";
import { fakeTab, refusal, settled } from "../account/fakes.ts";
import type { Fakes } from "../account/fakes.ts";
import { startReturn } from "./driver.ts";
import { nameOfState } from "./machine.ts";

const SESSION = "A".repeat(22);
const FRAGMENT = `#s=${SESSION}.${"A".repeat(43)}`;

function pairingService(...reasons: string[]) {
  const returns: CompleteReturnRequest[] = [];
  const pairing: Fakes["pairing"] = {
    completeReturn: (request) => {
      returns.push(request);
      const reason = reasons.shift();
      if (reason !== undefined) throw refusal(reason);
      return {};
    },
  };
  return { returns, pairing };
}

const having = (id: string, act: "LINK" | "VERIFY"): BrowserState => ({
  session: { id, act, expiresAt: "" },
  signedIn: null,
});

test.each([
  ["LINK", "/journey"],
  ["VERIFY", "/result"],
] as const)("%s: the browser that began goes on to %s", async (act, to) => {
  const { returns, pairing } = pairingService();
  const tab = fakeTab({ pairing, state: having(SESSION, act) });
  startReturn(tab, FRAGMENT);
  await settled();
  expect(returns).toHaveLength(1);
  expect(returns[0]).toMatchObject({ sessionId: new Uint8Array(16), returnCode: new Uint8Array(32) });
  expect(tab.went).toEqual([to]);
  expect([...tab.present]).toEqual([SESSION]);
});

test.each([
  ["without a session", { session: null, signedIn: null }],
  ["with a session of its own", having("B".repeat(22), "LINK")],
])("Another browser, %s, sends nothing", async (_, state) => {
  const { returns, pairing } = pairingService();
  const tab = fakeTab({ pairing, state });
  const store = startReturn(tab, FRAGMENT);
  await settled();
  expect(nameOfState(store.state)).toBe("return-other-browser");
  expect(returns).toEqual([]);
  expect(tab.went).toEqual([]);
  expect([...tab.present]).toEqual([]);
});

test("A press that is repeated is the same request", async () => {
  const { returns, pairing } = pairingService("INTERNAL");
  const tab = fakeTab({ pairing, state: having(SESSION, "LINK") });
  const store = startReturn(tab, FRAGMENT);
  await settled();
  expect(nameOfState(store.state)).toBe("return-trouble");
  store.send({ type: "retry" });
  await settled();
  expect(returns[1]?.requestId).toEqual(returns[0]?.requestId);
  expect(tab.went).toEqual(["/journey"]);
});

test("A return that was refused makes nobody present", async () => {
  const { pairing } = pairingService("RETURN_CODE_INVALID");
  const tab = fakeTab({ pairing, state: having(SESSION, "LINK") });
  const store = startReturn(tab, FRAGMENT);
  await settled();
  expect(nameOfState(store.state)).toBe("return-code-over");
  expect([...tab.present]).toEqual([]);
});

describe("The answer is lost, and the page is loaded anew", () => {
  const lostOnce = (reason: string) => {
    const { returns, pairing } = pairingService(reason);
    const storage = new Map<string, string>();
    const open = (fragment: string) => {
      const tab = fakeTab({ pairing, state: having(SESSION, "LINK"), storage });
      return { tab, store: startReturn(tab, fragment) };
    };
    return { returns, storage, open };
  };

  test("The address has no code any more: the tab repeats the same request", async () => {
    const { returns, storage, open } = lostOnce("INTERNAL");
    open(FRAGMENT);
    await settled();
    const { tab } = open("");
    await settled();
    expect(returns).toHaveLength(2);
    expect(returns[1]).toEqual(returns[0]);
    expect(tab.went).toEqual(["/journey"]);
    // Answered: the code is kept no longer.
    expect([...storage.values()].join()).not.toContain("A".repeat(43));
    expect(nameOfState(open("").store.state)).toBe("return-loading");
    await settled();
    expect(returns).toHaveLength(2);
  });

  test("A newer code of the app is another request", async () => {
    const { returns, open } = lostOnce("INTERNAL");
    open(FRAGMENT);
    await settled();
    open(`#s=${SESSION}.${"B".repeat(42)}A`);
    await settled();
    expect(returns[1]?.requestId).not.toEqual(returns[0]?.requestId);
    expect(returns[1]?.returnCode).not.toEqual(returns[0]?.returnCode);
  });

  test("What was refused is not kept", async () => {
    const { returns, storage, open } = lostOnce("RETURN_CODE_INVALID");
    open(FRAGMENT);
    await settled();
    expect([...storage.values()].join()).not.toContain("A".repeat(43));
    const { store } = open("");
    await settled();
    expect(nameOfState(store.state)).toBe("return-no-code");
    expect(returns).toHaveLength(1);
  });
});

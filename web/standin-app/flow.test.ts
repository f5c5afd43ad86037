import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";

import {
  Act,
  Attribute,
  CancelReason,
  Flow,
  Party,
  SessionState,
  VerdictReason,
  VerdictStatus,
} from "../gen/musubi/v1/common_pb.ts";
import { SessionViewSchema } from "../gen/musubi/v1/session_pb.ts";
import type { SessionView } from "../gen/musubi/v1/session_pb.ts";
import {
  GetChallengeResponseSchema,
  GrantConsentResponseSchema,
  SubmitProofResponseSchema,
} from "../gen/musubi/v1/validation_pb.ts";
import type { GetChallengeResponse, GrantConsentResponse } from "../gen/musubi/v1/validation_pb.ts";
import type { CardRead } from "./card.ts";
import { reduce } from "./flow.ts";
import { firstState } from "./state.ts";
import type { Card, Event, Journey, Opening, State } from "./state.ts";

const ORIGIN = "https://link.example";
const NOW = 1_800_000_000_000;
const card: Card = { id: "a", label: "a", tries: { AUTHENTICATION: 3, CARD_INFO: 3 } };
const sessionId = new Uint8Array(16).fill(1);
const journey = (flow: Flow): Journey => ({
  sessionId,
  credential: new Uint8Array(32),
  act: Act.LINK,
  flow,
});
const opening: Opening = { link: { kind: "QR", payload: "frame" }, claimKey: new Uint8Array(32) };
const code = { digits: "123456", expiresAt: NOW + 120_000 };
const read: CardRead = {
  certificate: new Uint8Array(1),
  keyType: "RSA",
  signature: new Uint8Array(2),
  name: null,
};
const consent = {
  consentTextVersion: "v1",
  attributes: [{ attribute: Attribute.NAME, value: "試験　一号" }],
};

function view(
  state: SessionState,
  more: Partial<Parameters<typeof create<typeof SessionViewSchema>>[1]> = {},
): SessionView {
  return create(SessionViewSchema, { state, flow: Flow.CROSS_DEVICE, ...more } as never);
}

function challenge(
  change: { flow?: Flow; origin?: string; purpose?: string; name?: boolean; expiresAt?: number } = {},
): GetChallengeResponse {
  return create(GetChallengeResponseSchema, {
    challenge: {
      version: 1,
      origin: change.origin ?? ORIGIN,
      act: Act.LINK,
      sessionId,
      flow: change.flow ?? Flow.CROSS_DEVICE,
      requestedAttributes: change.name === false ? [] : [Attribute.NAME],
      nonce: new Uint8Array(32).fill(7),
    },
    display: { purpose: { ja: change.purpose ?? "目的", en: "purpose" } },
    expiresAt: timestampFromMs(change.expiresAt ?? NOW + 300_000),
  });
}

type Step = Event | ((state: State) => Event);
/** Events one after the other; a function gets the state, for the id of the job. */
function run(state: State, ...steps: Step[]): State {
  return steps.reduce((at, step) => reduce(at, typeof step === "function" ? step(at) : step), state);
}
const id = (state: State): number => state.job?.id ?? -1;
const claimed =
  (flow: Flow): Step =>
  (s) => ({
    type: "CLAIMED",
    id: id(s),
    journey: journey(flow),
    code: flow === Flow.CROSS_DEVICE ? code : null,
  });
const gotChallenge =
  (change: Parameters<typeof challenge>[0] = {}): Step =>
  (s) => ({ type: "CHALLENGE", id: id(s), response: challenge(change) });
const failed =
  (reason: string): Step =>
  (s) => ({ type: "FAILED", id: id(s), failure: { reason, retryAfterMs: null } });
const cardRead: Step = (s) => ({ type: "CARD_READ", id: id(s), outcome: { kind: "READ", read } });
const submitted =
  (init: Parameters<typeof create<typeof SubmitProofResponseSchema>>[1]): Step =>
  (s) => ({ type: "SUBMITTED", id: id(s), response: create(SubmitProofResponseSchema, init) });
const valid = submitted({ verdict: { status: VerdictStatus.VALID }, state: SessionState.PROVEN, consent });
const invalid = (reason: VerdictReason): Step =>
  submitted({
    verdict: { status: VerdictStatus.INVALID, reason },
    state: SessionState.PAIRED,
    proofTriesLeft: 2,
  });
const granted =
  (response: GrantConsentResponse): Step =>
  (s) => ({ type: "GRANTED", id: id(s), response, now: NOW });
const ticket = (expiresAt = NOW + 60_000): GrantConsentResponse =>
  create(GrantConsentResponseSchema, {
    state: SessionState.CONSENTED,
    ticket: { returnUrl: `${ORIGIN}/return#x.y`, expiresAt: timestampFromMs(expiresAt) },
  });
const pin = (which: "AUTHENTICATION" | "CARD_INFO", text: string): Event => ({
  type: "TYPE_PIN",
  pin: which,
  text,
});
const next: Event = { type: "CONTINUE" };
const loaded = (change: Partial<Event & { type: "LOADED" }> = {}): Event => ({
  type: "LOADED",
  cards: [card],
  installed: true,
  journey: null,
  opening,
  damaged: false,
  ...change,
});

const start = run(firstState(ORIGIN), loaded());
const atWho = run(start, next, claimed(Flow.CROSS_DEVICE));
const atCode = run(atWho, next);
const atUnlock = run(atCode, { type: "VIEW", view: view(SessionState.PAIRED) });
const atStart = run(atUnlock, next, gotChallenge());
const atPin1 = run(atStart, next);
const atPin2 = run(atPin1, pin("AUTHENTICATION", "1234"), next);
const atReady = run(atPin2, pin("CARD_INFO", "5678"), next);
const atReading = run(atReady, { type: "READ", now: NOW });
const atSending = run(atReading, cardRead);
const atConsent = run(atSending, valid);
const atGranting = run(atConsent, { type: "ALLOW" });
const atDone = run(atGranting, granted(create(GrantConsentResponseSchema, { state: SessionState.READY })));
const oneDevice = run(
  start,
  next,
  claimed(Flow.ONE_DEVICE),
  next,
  next,
  gotChallenge({ flow: Flow.ONE_DEVICE }),
  next,
);
const atReturn = run(
  oneDevice,
  ...[
    pin("AUTHENTICATION", "1234"),
    next,
    pin("CARD_INFO", "5678"),
    next,
    { type: "READ", now: NOW } as const,
  ],
  ...[cardRead, valid, { type: "ALLOW" } as const, granted(ticket())],
);

describe("the way through the app", () => {
  it.each<[string, State, string, string | undefined]>([
    ["a link is open", start, "OPENED", undefined],
    ["opening makes nothing; the press makes the claim", run(start, next), "OPENED", "CLAIM"],
    ["who asks", atWho, "WHO", undefined],
    ["the code", atCode, "CODE", undefined],
    ["the code is typed: the app moves on by itself", atUnlock, "UNLOCK", undefined],
    ["the challenge, before the first PIN", run(atUnlock, next), "START", "CHALLENGE"],
    ["start", atStart, "START", undefined],
    ["the authentication PIN", atPin1, "PIN_1", undefined],
    ["the card-info PIN", atPin2, "PIN_2", undefined],
    ["start reading", atReady, "READ_READY", undefined],
    ["keep still", atReading, "READING", "READ"],
    ["sent", atSending, "SENDING", "SUBMIT"],
    ["consent", atConsent, "CONSENT", undefined],
    ["allowed", atGranting, "CONSENT", "CONSENT"],
    ["go back to your PC", atDone, "DONE_PC", undefined],
    ["one device: the way back", atReturn, "RETURN", undefined],
    ["one device: opened", run(atReturn, { type: "RETURN", now: NOW }), "RETURN", "OPEN"],
  ])("%s", (_name, state, screen, task) => {
    expect([state.screen.name, state.job?.task.do]).toEqual([screen, task]);
    expect(state.trouble).toBeNull();
  });

  it("leaves out the card-info PIN if no name is asked for", () => {
    const at = run(atUnlock, next, gotChallenge({ name: false }), next, pin("AUTHENTICATION", "1234"), next);
    expect(at.screen.name).toBe("READ_READY");
    const task = run(at, { type: "READ", now: NOW }).job?.task;
    expect(task).toMatchObject({ do: "READ", authentication: "1234", cardInfo: null });
  });

  it("takes the same PIN for both by one press", () => {
    const at = run(atPin2, { type: "SAME_PIN" });
    expect([at.screen.name, at.pins.CARD_INFO]).toEqual(["READ_READY", "1234"]);
  });

  it.each(["", "123", "12a"])("does not go on with a PIN that is not 4 digits: '%s'", (text) => {
    expect(run(atPin1, pin("AUTHENTICATION", text), next).screen.name).toBe("PIN_1");
  });

  it("forgets PINs and proof as soon as the card is proven", () => {
    expect([atConsent.pins, atConsent.proof]).toEqual([{ AUTHENTICATION: "", CARD_INFO: "" }, null]);
  });

  it("sets the app up in the middle, and goes on from there", () => {
    const bare = run(firstState(ORIGIN), loaded({ cards: [] }), next, claimed(Flow.ONE_DEVICE), next);
    expect([bare.screen.name, bare.over]).toEqual(["SETUP", false]);
    const at = run(bare, { type: "CARDS_CHANGED", cards: [card] });
    expect([at.screen.name, at.cardId]).toEqual(["UNLOCK", "a"]);
  });

  it("shows what a phone without the app would show, and goes on once it is installed", () => {
    const at = run(firstState(ORIGIN), loaded({ installed: false }));
    expect(at.screen.name).toBe("NOT_INSTALLED");
    expect(run(at, { type: "INSTALLED", installed: true }).screen.name).toBe("OPENED");
  });
});

describe("Stop", () => {
  it.each<[string, State, CancelReason]>([
    ["who", atWho, CancelReason.USER_CANCELLED],
    ["PIN 2", atPin2, CancelReason.USER_CANCELLED],
    ["reading", atReading, CancelReason.USER_CANCELLED],
    ["consent", atConsent, CancelReason.CONSENT_WITHHELD],
  ])("cancels the session: %s", (_name, state, reason) => {
    const at = run(state, { type: "ASK_STOP" }, { type: "CONFIRM" });
    expect(at.job?.task).toEqual({ do: "CANCEL", reason });
    const over = run(at, (s) => ({ type: "CANCELLED", id: id(s) }));
    expect(over.screen).toEqual({ name: "OVER", ending: state === atConsent ? "WITHHELD" : "STOPPED" });
    expect([over.over, over.pins.AUTHENTICATION]).toEqual([true, ""]);
  });

  it("before the claim has nothing to cancel", () => {
    const at = run(start, { type: "ASK_STOP" }, { type: "CONFIRM" });
    expect([at.screen.name, at.job, at.opening]).toEqual(["HOME", null, null]);
  });

  it.each<[string, State]>([
    ["code", atCode],
    ["PIN 2", atPin2],
    ["ready", atReady],
    ["reading", atReading],
    ["sending", atSending],
    ["consent", atConsent],
  ])("and Go back keeps everything: %s", (_name, state) => {
    expect(run(state, { type: "ASK_STOP" }, { type: "GO_BACK" })).toEqual(state);
  });

  it.each([atWho, atStart, atConsent])("'I did not start this' says so to the service", (state) => {
    const at = run(state, { type: "ASK_NOT_ME" }, { type: "CONFIRM" });
    expect(at.job?.task).toEqual({ do: "CANCEL", reason: CancelReason.NOT_ME });
    expect(run(at, (s) => ({ type: "CANCELLED", id: id(s) })).screen).toEqual({
      name: "OVER",
      ending: "NOT_ME",
    });
  });
});

describe("the card", () => {
  const wrong =
    (which: "AUTHENTICATION" | "CARD_INFO", kind: "WRONG" | "LOCKED" = "WRONG"): Step =>
    (s) => ({
      type: "CARD_READ",
      id: id(s),
      outcome: kind === "WRONG" ? { kind, pin: which, triesLeft: 2 } : { kind, pin: which },
    });

  it("that is lifted loses no PIN and asks for nothing again", () => {
    const at = run(atReading, { type: "LIFT" });
    expect([at.screen.name, at.job, at.pins]).toEqual(["LIFTED", null, atReady.pins]);
    expect(run(at, { type: "READ", now: NOW }).job?.task).toEqual(atReading.job?.task);
    expect(run(at, cardRead)).toEqual(at);
  });

  it.each([
    ["AUTHENTICATION", "PIN_1", { AUTHENTICATION: "", CARD_INFO: "5678" }],
    ["CARD_INFO", "PIN_2", { AUTHENTICATION: "1234", CARD_INFO: "" }],
  ] as const)("that got a wrong PIN asks for that one alone: %s", (which, screen, pins) => {
    const at = run(atReading, wrong(which));
    expect([at.screen, at.pins]).toEqual([{ name: screen, wrong: true }, pins]);
  });

  it("that is locked says which PIN", () => {
    expect(run(atReading, wrong("CARD_INFO", "LOCKED")).screen).toEqual({ name: "LOCKED", pin: "CARD_INFO" });
  });

  it("is the one that was chosen", () => {
    const two = run(atReady, { type: "CARDS_CHANGED", cards: [card, { ...card, id: "b" }] });
    const at = run(two, { type: "CHOOSE_CARD", id: "b" }, { type: "READ", now: NOW });
    expect(at.job?.task).toMatchObject({ do: "READ", cardId: "b" });
    expect(run(two, { type: "CHOOSE_CARD", id: "c" }).cardId).toBe("a");
  });
});

describe("the challenge", () => {
  it("for another origin is refused before any PIN", () => {
    const at = run(atUnlock, next, gotChallenge({ origin: "https://link.example.evil.example" }));
    expect([at.screen, at.challenge]).toEqual([{ name: "REFUSED", mismatch: "ORIGIN" }, null]);
    expect(run(at, next).screen.name).toBe("REFUSED");
  });

  it("for another origin is refused after the PINs too, and they are forgotten", () => {
    const at = run(
      atReady,
      { type: "READ", now: NOW + 299_000 },
      gotChallenge({ origin: "https://other.example" }),
    );
    expect([at.screen.name, at.pins.AUTHENTICATION, at.job]).toEqual(["REFUSED", "", null]);
  });

  it("that is nearly over is replaced before the card signs", () => {
    const at = run(atReady, { type: "READ", now: NOW + 290_000 });
    expect(at.job?.task).toMatchObject({ do: "CHALLENGE", then: "READ" });
    expect(run(at, gotChallenge({ expiresAt: NOW + 600_000 })).job?.task).toMatchObject({ do: "READ" });
  });

  it("that says something else than was shown is shown again before anything is signed", () => {
    const at = run(atReady, { type: "READ", now: NOW + 290_000 }, gotChallenge({ purpose: "another" }));
    expect([at.screen.name, at.job]).toEqual(["START", null]);
  });

  it.each(["CHALLENGE_INVALID", "STORE_FAILED_OVER"])("that is void costs no PIN: %s", (reason) => {
    const at = run(atSending, failed(reason), gotChallenge());
    expect([at.screen, at.pins]).toEqual([{ name: "READ_READY", why: "TOO_SLOW" }, atReady.pins]);
  });
});

describe("a verdict", () => {
  it.each([VerdictReason.EXPIRED, VerdictReason.REVOKED, VerdictReason.PHONE_CERTIFICATE])(
    "about the card asks for another one, with its own PINs: %i",
    (reason) => {
      const at = run(atSending, invalid(reason));
      expect(at.screen).toEqual({ name: "VERDICT", reason, triesLeft: 2 });
      const again = run(at, { type: "READ_AGAIN" }, gotChallenge());
      expect([again.screen.name, again.pins.AUTHENTICATION]).toEqual(["START", ""]);
    },
  );

  it("about the reading keeps the PINs", () => {
    const at = run(atSending, invalid(VerdictReason.MALFORMED), { type: "READ_AGAIN" }, gotChallenge());
    expect([at.screen, at.pins]).toEqual([{ name: "READ_READY", why: "AGAIN" }, atReady.pins]);
  });

  it("after the last try ends the session", () => {
    const at = run(
      atSending,
      submitted({
        verdict: { status: VerdictStatus.INVALID, reason: VerdictReason.REVOKED },
        state: SessionState.FAILED,
      }),
    );
    expect([at.screen, at.verdict?.reason, at.over]).toEqual([
      { name: "OVER", ending: "FAILED" },
      VerdictReason.REVOKED,
      true,
    ]);
  });

  const kept = run(
    atSending,
    submitted({
      verdict: { status: VerdictStatus.INDETERMINATE, reason: VerdictReason.REVOCATION_UNAVAILABLE },
      state: SessionState.PAIRED,
      proofKeptUntil: timestampFromMs(NOW + 120_000),
    }),
  );
  it("that nobody could give keeps the proof: the same one again, no nonce, a new request, no PIN", () => {
    expect(kept.screen).toEqual({ name: "PROOF_KEPT", until: NOW + 120_000 });
    const at = run(kept, { type: "TRY_AGAIN", now: NOW + 60_000 });
    expect(at.job?.task).toEqual({ do: "SUBMIT", nonce: new Uint8Array(0), proof: read });
    expect(at.job?.key).not.toBe(atSending.job?.key);
    expect(run(at, valid).screen.name).toBe("CONSENT");
  });
  it("that nobody could give in two minutes needs the card, but no PIN", () => {
    const at = run(kept, { type: "TRY_AGAIN", now: NOW + 120_000 }, gotChallenge());
    expect([at.screen, at.pins]).toEqual([{ name: "READ_READY", why: "AGAIN" }, atReady.pins]);
  });
});

describe("a failure", () => {
  it.each(["UNAVAILABLE", "REPLICA_BEHIND", "NETWORK", "OVERLOADED", "INTERNAL", "TOO_MANY_REQUESTS"])(
    "is said, and one press repeats the same request: %s",
    (reason) => {
      for (const state of [run(start, next), run(atUnlock, next), atSending, atGranting]) {
        const at = run(state, failed(reason));
        expect([at.screen, at.job, at.trouble?.failure.reason]).toEqual([state.screen, null, reason]);
        const again = run(at, { type: "TRY_AGAIN", now: NOW });
        expect([again.job?.task, again.job?.key, again.trouble]).toEqual([
          state.job?.task,
          state.job?.key,
          null,
        ]);
        expect(again.job?.id).not.toBe(state.job?.id);
      }
    },
  );

  it.each([
    "QR_FRAME_STALE",
    "QR_FRAME_SUPERSEDED",
    "QR_FRAME_INVALID",
    "QR_PAGE_EXPIRED",
    "ALREADY_CLAIMED",
    "HANDOFF_INVALID",
    "CROSS_DEVICE_SUSPENDED",
    "SESSION_EXPIRED",
  ])("of the claim is an answer, and the link is forgotten: %s", (reason) => {
    const at = run(start, next, failed(reason));
    expect([at.screen, at.opening]).toEqual([{ name: "CLAIM_REFUSED", reason }, null]);
    expect(run(at, { type: "CLOSE" }).screen.name).toBe("HOME");
  });

  it.each([
    ["SESSION_EXPIRED", "EXPIRED"],
    ["SESSION_NOT_FOUND", "EXPIRED"],
    ["CREDENTIAL_INVALID", "REPLACED"],
  ] as const)("that ends everything: %s", (reason, ending) => {
    const at = run(atSending, failed(reason));
    expect([at.screen, at.over, at.pins.AUTHENTICATION]).toEqual([{ name: "OVER", ending }, true, ""]);
  });

  it("WRONG_STATE asks where the session is, and goes there", () => {
    const at = run(atSending, failed("WRONG_STATE"));
    expect(at.job?.task).toEqual({ do: "LOOK", changed: false });
    const seen = view(SessionState.PROVEN, { consent });
    expect(run(at, (s) => ({ type: "LOOKED", id: id(s), view: seen })).screen.name).toBe("CONSENT");
  });

  it("CONSENT_TEXT_MISMATCH reads the text again and says that it has changed", () => {
    const at = run(atGranting, failed("CONSENT_TEXT_MISMATCH"));
    const seen = view(SessionState.PROVEN, { consent: { ...consent, consentTextVersion: "v2" } });
    const again = run(at, (s) => ({ type: "LOOKED", id: id(s), view: seen }));
    expect([again.screen, again.consent?.consentTextVersion]).toEqual([
      { name: "CONSENT", changed: true },
      "v2",
    ]);
  });

  it("of the past changes nothing", () => {
    expect(
      reduce(atSending, { type: "FAILED", id: 0, failure: { reason: "NETWORK", retryAfterMs: null } }),
    ).toBe(atSending);
  });
});

describe("the stream", () => {
  const ended = (
    state: SessionState,
    by: Party,
    reason: CancelReason = CancelReason.UNSPECIFIED,
  ): SessionView => view(state, { end: { by, reason } });
  it.each<[string, SessionView, string]>([
    [
      "cancelled on the PC",
      ended(SessionState.CANCELLED, Party.BROWSER, CancelReason.USER_CANCELLED),
      "STOPPED_THERE",
    ],
    ["cancelled by the service", ended(SessionState.CANCELLED, Party.SERVER), "ENDED_BY_SERVICE"],
    ["not me", ended(SessionState.CANCELLED, Party.DEVICE, CancelReason.NOT_ME), "NOT_ME"],
    ["withheld", ended(SessionState.CANCELLED, Party.DEVICE, CancelReason.CONSENT_WITHHELD), "WITHHELD"],
    ["expired", ended(SessionState.EXPIRED, Party.SERVER), "EXPIRED"],
    ["too many wrong codes", ended(SessionState.FAILED, Party.SERVER), "FAILED"],
    ["the pairing began anew", view(SessionState.CREATED), "REPLACED"],
  ])("ends what is over, whatever is on the screen: %s", (_name, seen, ending) => {
    for (const state of [atCode, atPin2, atReading, atSending, atConsent]) {
      if (seen.state === SessionState.CREATED && state === atSending) continue;
      const at = run(state, { type: "ASK_STOP" }, { type: "VIEW", view: seen });
      expect([at.screen, at.dialog, at.pins.AUTHENTICATION]).toEqual([{ name: "OVER", ending }, null, ""]);
    }
  });

  it("leaves to the answer what the answer brings", () => {
    const proven = run(atSending, { type: "VIEW", view: view(SessionState.PROVEN) });
    expect([proven.screen.name, run(proven, valid).screen.name]).toEqual(["SENDING", "CONSENT"]);
    const ready = run(atGranting, { type: "VIEW", view: view(SessionState.READY) });
    expect(ready.screen.name).toBe("CONSENT");
  });

  it("that is broken is said until it is back", () => {
    const at = run(atCode, { type: "OFFLINE", offline: true });
    expect([at.screen, at.offline]).toEqual([atCode.screen, true]);
    expect(run(at, { type: "VIEW", view: view(SessionState.CLAIMED) }).offline).toBe(false);
  });

  it("says when the browser has come back, and when the outcome is used", () => {
    const back = run(atReturn, { type: "VIEW", view: view(SessionState.READY) });
    expect([back.screen.name, back.over]).toEqual(["DONE_BROWSER", false]);
    expect(run(back, { type: "VIEW", view: view(SessionState.USED) }).over).toBe(true);
  });
});

describe("a reload", () => {
  const reopened = (state: SessionState, more = {}): State =>
    run(firstState(ORIGIN), loaded({ opening: null, journey: journey(Flow.CROSS_DEVICE) }), (s) => ({
      type: "LOOKED",
      id: id(s),
      view: view(state, more),
    }));
  it.each<[SessionState, string, string | undefined]>([
    [SessionState.CLAIMED, "CODE", "NEW_CODE"],
    [SessionState.PAIRED, "UNLOCK", undefined],
    [SessionState.PROVEN, "CONSENT", undefined],
    [SessionState.CONSENTED, "RETURN", "NEW_TICKET"],
    [SessionState.READY, "DONE_PC", undefined],
    [SessionState.USED, "DONE_PC", undefined],
    [SessionState.EXPIRED, "OVER", undefined],
  ])("resumes where it was: session state %i", (state, screen, task) => {
    const at = reopened(state, { consent });
    expect([at.screen.name, at.job?.task.do]).toEqual([screen, task]);
  });

  it("in the middle of the claim repeats it with the same claim key", () => {
    expect(run(start, next).job?.task).toEqual({ do: "CLAIM", opening });
  });

  it("with a fragment that is no link says so", () => {
    expect(run(firstState(ORIGIN), loaded({ opening: null, damaged: true })).screen.name).toBe(
      "LINK_DAMAGED",
    );
  });

  it("after a refused link goes on with the journey that is under way", () => {
    const at = run(
      firstState(ORIGIN),
      loaded({ journey: journey(Flow.CROSS_DEVICE) }),
      next,
      failed("QR_FRAME_STALE"),
    );
    expect(run(at, { type: "CLOSE" }).job?.task.do).toBe("LOOK");
  });
});

describe("the way back on one device", () => {
  it("goes by itself after 10 seconds, unless the person stays", () => {
    expect(atReturn.screen).toEqual({ name: "RETURN", returnAt: NOW + 10_000, gone: false });
    expect(run(atReturn, { type: "STAY" }).screen).toEqual({ name: "RETURN", returnAt: null, gone: false });
  });

  it("asks for a new return code if the old one is nearly over, and opens that", () => {
    const at = run(atReturn, { type: "RETURN", now: NOW + 50_000 });
    expect(at.job?.task).toEqual({ do: "NEW_TICKET", thenOpen: true });
    const fresh = ticket(NOW + 110_000).ticket;
    if (fresh === undefined) throw new Error("no ticket");
    const open = run(at, (s) => ({ type: "TICKET", id: id(s), ticket: fresh }));
    expect(open.job?.task).toEqual({ do: "OPEN", url: `${ORIGIN}/return#x.y` });
  });

  it("never opens a page of another origin", () => {
    const elsewhere = create(GrantConsentResponseSchema, {
      state: SessionState.CONSENTED,
      ticket: { returnUrl: `${ORIGIN}.evil.example/return#x.y`, expiresAt: timestampFromMs(NOW + 60_000) },
    });
    const asked = run(
      oneDevice,
      ...[
        pin("AUTHENTICATION", "1234"),
        next,
        pin("CARD_INFO", "5678"),
        next,
        { type: "READ", now: NOW } as const,
      ],
      ...[
        cardRead,
        valid,
        { type: "ALLOW" } as const,
        granted(elsewhere),
        { type: "RETURN", now: NOW } as const,
      ],
    );
    expect([asked.screen, asked.job]).toEqual([{ name: "REFUSED", mismatch: "ORIGIN" }, null]);
  });
});

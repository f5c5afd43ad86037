import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { Act, Flow, FlowPolicy, SessionState } from "../../gen/musubi/v1/common_pb.ts";
import { SessionViewSchema } from "../../gen/musubi/v1/session_pb.ts";
import type { SessionView } from "../../gen/musubi/v1/session_pb.ts";
import type { BrowserState } from "../../shared/page.ts";
import type { Problem } from "../../ui/problem.ts";
import { ALARM_PAUSE_MS, dueAt, initial, mayChoose, screenOf, step, streamsOf, wayOf } from "./machine.ts";
import type { Effect, Event, Frame, Journey, Screen, Work } from "./machine.ts";

const NOW = 1_000_000;
const ID = new Uint8Array(16).fill(7);
const OTHER_ID = new Uint8Array(16).fill(9);
const ONE = Flow.ONE_DEVICE;
const CROSS = Flow.CROSS_DEVICE;

type Fields = MessageInitShape<typeof SessionViewSchema>;

function view(state: SessionState, more: Fields = {}): SessionView {
  return create(SessionViewSchema, {
    sessionId: ID,
    act: Act.LINK,
    flow: state === SessionState.CREATED ? Flow.UNSPECIFIED : CROSS,
    flowPolicy: FlowPolicy.ANY,
    state,
    generation: 1,
    qrRefreshesLeft: 3,
    codeTriesLeft: 5,
    proofTriesLeft: 3,
    expiresAt: timestampFromMs(NOW + 1_800_000),
    ...more,
  });
}

const browser: BrowserState = { session: null, signedIn: null };
const frame: Frame = { payload: "p", generation: 1, pageExpiresAt: NOW + 300_000, refreshesLeft: 3 };

function problem(reason: string, metadata: Record<string, string> = {}): Problem {
  return { reason, metadata, retryAfterMs: null };
}

function here(state: SessionState, more: Partial<Journey> = {}, viewMore: Fields = {}): Journey {
  return { ...initial, at: "here", way: "other", view: view(state, viewMore), ...more };
}

function after(journey: Journey, ...events: Event[]): Journey {
  return events.reduce((state, event) => step(state, event, NOW)[0], journey);
}

function effects(journey: Journey, event: Event, now = NOW): Effect[] {
  return step(journey, event, now).slice(1) as Effect[];
}

function loaded(state: SessionState | null, more: Partial<Extract<Event, { type: "loaded" }>> = {}): Event {
  return {
    type: "loaded",
    browser,
    view: state === null ? null : view(state),
    way: "other",
    press: null,
    present: false,
    signedInSince: false,
    error: null,
    ...more,
  };
}

const S = SessionState;

describe("which screen a state is", () => {
  const table: [string, Journey, Screen][] = [
    ["nothing is known yet", initial, "journey-loading"],
    ["no session", { ...initial, at: "none" }, "journey-none"],
    ["the tier was not reached", { ...initial, at: "unreachable" }, "journey-unreachable"],
    ["a newer tab", here(S.CREATED, { at: "older-tab" }), "journey-older-tab"],
    ["another session", here(S.CREATED, { at: "replaced" }), "journey-replaced"],
    ["CREATED, another phone", here(S.CREATED), "pc-qr"],
    ["CREATED, the QR page is over", here(S.CREATED, { qrOver: true }), "pc-qr-over"],
    ["CREATED, this device", here(S.CREATED, { way: "this" }), "phone-open"],
    ["CREATED, the app was opened", here(S.CREATED, { way: "this", appOpened: true }), "phone-waiting"],
    ["CREATED, handed off, loaded anew", here(S.CREATED, {}, { flow: ONE }), "phone-open"],
    [
      "CREATED, one device only",
      here(S.CREATED, {}, { flowPolicy: FlowPolicy.ONE_DEVICE_ONLY }),
      "phone-open",
    ],
    [
      "CREATED, two devices only",
      here(S.CREATED, { way: "this" }, { flowPolicy: FlowPolicy.CROSS_DEVICE_ONLY }),
      "pc-qr",
    ],
    ["CLAIMED", here(S.CLAIMED), "pc-code"],
    ["PAIRED, two devices", here(S.PAIRED), "pc-progress"],
    ["PAIRED, one device", here(S.PAIRED, {}, { flow: ONE }), "phone-progress"],
    ["PROVEN, two devices", here(S.PROVEN), "pc-progress"],
    ["PROVEN, one device", here(S.PROVEN, {}, { flow: ONE }), "phone-progress"],
    ["CONSENTED", here(S.CONSENTED, {}, { flow: ONE }), "phone-return"],
    ["READY, opened anew", here(S.READY), "journey-resume"],
    ["READY, here all along", here(S.READY, { present: true }), "journey-completing"],
    ["READY, completed", here(S.READY, { present: true, completed: true }), "journey-decide"],
    [
      "READY, VERIFY, completed",
      here(S.READY, { present: true, completed: true }, { act: Act.VERIFY }),
      "journey-result",
    ],
    ["USED, decided here", here(S.USED, { present: true, completed: true }), "journey-decide"],
    ["USED, elsewhere", here(S.USED), "journey-used"],
    ["CANCELLED", here(S.CANCELLED), "journey-cancelled"],
    ["EXPIRED", here(S.EXPIRED), "journey-expired"],
    ["FAILED", here(S.FAILED), "journey-failed"],
    ["a state of a newer server", here(99 as SessionState), "journey-unreachable"],
  ];
  test.each(table)("%s", (_name, journey, screen) => {
    expect(screenOf(journey)).toBe(screen);
  });
});

describe("which streams are open", () => {
  const table: [string, Journey, { session: string | null; frames: string | null }][] = [
    ["none while loading", initial, { session: null, frames: null }],
    ["both with the QR", here(S.CREATED), { session: "open", frames: "generation 1" }],
    [
      "no frames when the QR page is over",
      here(S.CREATED, { qrOver: true }),
      { session: "open", frames: null },
    ],
    ["no frames on one device", here(S.CREATED, { way: "this" }), { session: "open", frames: null }],
    ["no frames once claimed", here(S.CLAIMED), { session: "open", frames: null }],
    [
      "none while the credential is replaced",
      here(S.READY, { work: "complete" }),
      { session: null, frames: null },
    ],
    ["a new one afterwards", here(S.READY, { completed: true }), { session: "completed", frames: null }],
    ["none in an older tab", here(S.CREATED, { at: "older-tab" }), { session: null, frames: null }],
    ["none when it is over", here(S.CANCELLED), { session: null, frames: null }],
  ];
  test.each(table)("%s", (_name, journey, streams) => {
    expect(streamsOf(journey)).toEqual(streams);
  });
});

describe("loading", () => {
  test("a session is taken up, and this tab becomes the newest", () => {
    expect(step(initial, loaded(S.PAIRED), NOW)).toEqual([
      expect.objectContaining({ at: "here", way: "other" }),
      { do: "claim-tab" },
    ]);
  });
  test("without a session there is nothing to go on with", () => {
    expect(screenOf(after(initial, loaded(null)))).toBe("journey-none");
  });
  test("a sign-in that did not come about: one press takes up what was pressed before", () => {
    const press = { act: Act.REPLACE, way: "other" } as const;
    const journey = after(initial, loaded(null, { error: "SIGN_IN_CANCELLED", press }));
    expect(screenOf(journey)).toBe("journey-none");
    expect(effects(journey, { type: "begin", way: "other" })).toEqual([
      { do: "begin", act: Act.REPLACE, way: "other" },
    ]);
  });
  test("what went wrong on the way is said", () => {
    const journey = after(initial, loaded(null, { error: "SIGN_IN_CANCELLED" }));
    expect(journey.problem?.reason).toBe("SIGN_IN_CANCELLED");
  });
  test("READY of another document wants a fresh sign-in first, and completes nothing", () => {
    const [journey, ...todo] = step(initial, loaded(S.READY), NOW);
    expect(screenOf(journey)).toBe("journey-resume");
    expect(todo).toEqual([{ do: "claim-tab" }]);
    expect(effects(journey, { type: "sign-in" })).toEqual([
      { do: "sign-in", purpose: "RESUME", sessionId: ID },
    ]);
  });
  test("a view of READY alone does not make a person present", () => {
    const journey = after(initial, loaded(S.READY), { type: "view", view: view(S.READY) });
    expect(screenOf(journey)).toBe("journey-resume");
  });
  test("READY after that sign-in completes", () => {
    expect(effects(initial, loaded(S.READY, { present: true }))).toEqual([
      { do: "claim-tab" },
      { do: "complete", sessionId: ID },
    ]);
  });
  describe("on one device, where the return page has completed", () => {
    const ready = (accountBound: boolean) => view(S.READY, { flow: ONE, accountBound });

    test("a sign-in since then replaces the credential before anything is decided", () => {
      const event = loaded(S.READY, { present: true, signedInSince: true, view: ready(true) });
      const [journey, ...todo] = step(initial, event, NOW);
      expect(todo).toEqual([{ do: "claim-tab" }, { do: "renew", sessionId: ID }]);
      expect(screenOf(journey)).toBe("journey-completing");
      expect(streamsOf(journey).session).toBeNull();
      const done = after(journey, { type: "completed" });
      expect(screenOf(done)).toBe("journey-decide");
      expect(effects(done, { ...event })).toEqual([]);
    });
    test("who came straight from the return page has that credential already", () => {
      const event = loaded(S.READY, { present: true, view: ready(true) });
      expect(effects(initial, event)).toEqual([{ do: "claim-tab" }]);
    });
    test("where no account is named yet, naming it in the decision does that", () => {
      const event = loaded(S.READY, { present: true, signedInSince: true, view: ready(false) });
      const [journey, ...todo] = step(initial, event, NOW);
      expect(todo).toEqual([{ do: "claim-tab" }]);
      expect(screenOf(journey)).toBe("journey-decide");
    });
  });
  test("a press is enough where nobody can sign in (VERIFY), and only there", () => {
    const verify = here(S.READY, {}, { act: Act.VERIFY });
    expect(effects(verify, { type: "i-am-here" })).toEqual([{ do: "complete", sessionId: ID }]);
    expect(step(here(S.READY), { type: "i-am-here" }, NOW)).toEqual([here(S.READY)]);
  });
  test("another session in the cookie: this tab says so", () => {
    const event = loaded(S.CREATED, { view: view(S.CREATED, { sessionId: OTHER_ID }) });
    expect(screenOf(after(here(S.PAIRED), event))).toBe("journey-replaced");
  });
  test("and takes the other one up on a press, with nothing of its own left", () => {
    const event = loaded(S.CREATED, { view: view(S.CREATED, { sessionId: OTHER_ID }) });
    const journey = after(
      here(S.READY, { present: true, completed: true }),
      event,
      { type: "use-this-tab" },
      event,
    );
    expect(screenOf(journey)).toBe("pc-qr");
    expect(journey.present).toBe(false);
    expect(journey.completed).toBe(false);
  });
  const failures: [string, Journey, string, Screen][] = [
    ["no network at first", initial, "NETWORK", "journey-unreachable"],
    ["no network later keeps the screen", here(S.PAIRED), "NETWORK", "pc-progress"],
    ["a lost session", here(S.PAIRED), "CREDENTIAL_INVALID", "journey-none"],
    ["a page of long ago", initial, "SESSION_NOT_FOUND", "journey-none"],
    ["a session of another tab", here(S.PAIRED), "SESSION_REPLACED", "journey-replaced"],
    ["a fault", here(S.PAIRED), "INTERNAL", "journey-unreachable"],
  ];
  test.each(failures)("%s", (_name, journey, reason, screen) => {
    expect(screenOf(after(journey, { type: "not-loaded", problem: problem(reason) }))).toBe(screen);
  });
  test("an answer that comes late does not wake an older tab", () => {
    const older = here(S.PAIRED, { at: "older-tab" });
    expect(after(older, loaded(S.PAIRED)).at).toBe("older-tab");
    expect(after(older, { type: "not-loaded", problem: problem("NETWORK") }).at).toBe("older-tab");
  });
});

describe("a view that comes", () => {
  test("READY while the person is here completes, once", () => {
    const [journey, ...todo] = step(here(S.PROVEN), { type: "view", view: view(S.READY) }, NOW);
    expect(journey.present).toBe(true);
    expect(todo).toEqual([{ do: "complete", sessionId: ID }]);
    expect(effects(journey, { type: "view", view: view(S.READY) })).toEqual([]);
    const done = after(journey, { type: "completed" });
    expect(screenOf(done)).toBe("journey-decide");
    expect(effects(done, { type: "view", view: view(S.READY) })).toEqual([]);
  });
  test("READY on one device needs no completion here: the return page did it", () => {
    const journey = here(S.CONSENTED, {}, { flow: ONE });
    expect(step(journey, { type: "view", view: view(S.READY, { flow: ONE }) }, NOW)).toEqual([
      expect.objectContaining({ present: true, completed: true }),
    ]);
  });
  test("VERIFY goes back to the service once completed", () => {
    const journey = here(S.READY, { present: true, work: "complete" }, { act: Act.VERIFY });
    expect(effects(journey, { type: "completed" })).toEqual([{ do: "go", url: "/result" }]);
  });
  test("a completion that was refused is not repeated without a press", () => {
    const journey = after(here(S.READY, { present: true, work: "complete" }), {
      type: "refused",
      work: "complete",
      problem: problem("UNAVAILABLE"),
    });
    expect(effects(journey, { type: "view", view: view(S.READY) })).toEqual([]);
    const again = after(journey, { type: "again" });
    expect(effects(again, loaded(S.READY))).toContainEqual({ do: "complete", sessionId: ID });
  });
  test("CLAIMED takes the QR away", () => {
    const journey = after(here(S.CREATED), { type: "frame", frame }, { type: "view", view: view(S.CLAIMED) });
    expect(journey.frame).toBeNull();
    expect(after(journey, { type: "frame", frame }).frame).toBeNull();
  });
  test("a new code on the phone clears what was wrong with the old one's time", () => {
    const old = here(S.CLAIMED, { codeProblem: "expired" }, { codeExpiresAt: timestampFromMs(NOW) });
    const next = view(S.CLAIMED, { codeExpiresAt: timestampFromMs(NOW + 120_000) });
    expect(after(old, { type: "view", view: next }).codeProblem).toBeNull();
    expect(after(old, { type: "view", view: old.view ?? next }).codeProblem).toBe("expired");
  });
  test("a typed code does not outlive its screen", () => {
    const journey = here(S.CLAIMED, { code: "123" });
    expect(after(journey, { type: "view", view: view(S.CLAIMED) }).code).toBe("123");
    expect(after(journey, { type: "view", view: view(S.PAIRED) }).code).toBe("");
    expect(after(journey, { type: "view", view: view(S.CLAIMED, { generation: 2 }) }).code).toBe("");
  });
  test("nothing happens to a tab that is not the newest", () => {
    const older = here(S.PROVEN, { at: "older-tab" });
    expect(step(older, { type: "view", view: view(S.READY) }, NOW)).toEqual([older]);
  });
});

describe("QR", () => {
  test("a frame of an older pairing is not shown", () => {
    const journey = here(S.CREATED, {}, { generation: 2 });
    expect(after(journey, { type: "frame", frame }).frame).toBeNull();
    expect(after(journey, { type: "frame", frame: { ...frame, generation: 2 } }).frame).not.toBeNull();
  });
  test("the page's time is over: the code goes, more time brings it back", () => {
    const over = after(here(S.CREATED, { frame }), {
      type: "stream-refused",
      problem: problem("QR_PAGE_EXPIRED"),
    });
    expect(screenOf(over)).toBe("pc-qr-over");
    expect(over.frame).toBeNull();
    expect(effects(over, { type: "more-time" })).toEqual([{ do: "refresh-qr", sessionId: ID }]);
    const again = after(
      over,
      { type: "more-time" },
      { type: "refreshed", frame: { ...frame, generation: 2 } },
    );
    expect(screenOf(again)).toBe("pc-qr");
    expect(again.work).toBeNull();
  });
  test("no refresh left is a problem with words, and the session stays", () => {
    const journey = after(here(S.CREATED, { work: "refresh" }), {
      type: "refused",
      work: "refresh",
      problem: problem("QR_REFRESHES_EXHAUSTED"),
    });
    expect(journey.problem?.reason).toBe("QR_REFRESHES_EXHAUSTED");
    expect(journey.at).toBe("here");
  });
  test("both ways are offered until one is taken", () => {
    expect(mayChoose(here(S.CREATED))).toBe(true);
    expect(mayChoose(here(S.CREATED, {}, { flow: ONE }))).toBe(false);
    expect(mayChoose(here(S.CREATED, {}, { flowPolicy: FlowPolicy.ONE_DEVICE_ONLY }))).toBe(false);
    expect(mayChoose(here(S.CLAIMED))).toBe(false);
    expect(effects(here(S.CREATED), { type: "choose", way: "this" })).toEqual([
      { do: "remember-way", way: "this" },
    ]);
    expect(screenOf(after(here(S.CREATED), { type: "choose", way: "this" }))).toBe("phone-open");
    expect(wayOf(after(here(S.CLAIMED), { type: "choose", way: "this" }))).toBe("other");
  });
});

describe("another phone tried", () => {
  const tried = view(S.CLAIMED, { secondPhoneTried: true });
  test("an alarm, and both answers", () => {
    const journey = after(here(S.CREATED), { type: "view", view: tried });
    expect(journey.alarm).toBe("shown");
    expect(after(journey, { type: "carry-on" }).alarm).toBe("answered");
    expect(effects(journey, { type: "not-mine" })).toEqual([{ do: "refresh-qr", sessionId: ID }]);
  });
  test("an answered alarm stays away in the same pairing", () => {
    const journey = after(
      here(S.CREATED),
      { type: "view", view: tried },
      { type: "carry-on" },
      { type: "view", view: tried },
    );
    expect(journey.alarm).toBe("answered");
  });
  test("at most one in 10 s, also over pairings", () => {
    const first = after(here(S.CREATED), { type: "view", view: tried });
    const second = view(S.CLAIMED, { secondPhoneTried: true, generation: 2 });
    const early = step(first, { type: "view", view: second }, NOW + ALARM_PAUSE_MS - 1)[0];
    expect(early.alarm).toBe("none");
    const later = step(early, { type: "view", view: second }, NOW + ALARM_PAUSE_MS)[0];
    expect(later.alarm).toBe("shown");
  });
  test("where no pairing can be undone any more, the journey is stopped", () => {
    for (const journey of [here(S.PROVEN), here(S.CLAIMED, {}, { qrRefreshesLeft: 0 })]) {
      expect(effects(journey, { type: "not-mine" })).toEqual([{ do: "stop", sessionId: ID }]);
    }
  });
});

describe("the code", () => {
  test.each(["123456", "123 456", "１２３ー４５６", "123-456", " 1 2 3 4 5 6 "])(
    "%s is sent as digits",
    (text) => {
      const journey = after(here(S.CLAIMED), { type: "code-typed", text });
      expect(effects(journey, { type: "code-sent" })).toEqual([
        { do: "confirm", sessionId: ID, code: "123456" },
      ]);
    },
  );
  test.each(["", "12345", "1234567", "12345a", "一二三四五六"])(
    "%j is not sent, and costs no try",
    (text) => {
      const [journey, ...todo] = step(
        after(here(S.CLAIMED), { type: "code-typed", text }),
        { type: "code-sent" },
        NOW,
      );
      expect(todo).toEqual([]);
      expect(journey.codeProblem).toBe("form");
    },
  );
  test("is sent once, however often it is pressed", () => {
    const journey = after(here(S.CLAIMED, { code: "123456" }), { type: "code-sent" });
    expect(effects(journey, { type: "code-sent" })).toEqual([]);
  });
  test("wrong: the field is emptied, and the tries that are left are those of the refusal", () => {
    const journey = after(here(S.CLAIMED, { code: "123456", work: "confirm" }), {
      type: "refused",
      work: "confirm",
      problem: problem("PAIRING_CODE_WRONG", { tries_left: "2" }),
    });
    expect(journey).toMatchObject({ code: "", codeProblem: "wrong", work: null });
    expect(journey.view?.codeTriesLeft).toBe(2);
  });
  test("too old: says so until the phone has a new one", () => {
    const journey = after(here(S.CLAIMED, { work: "confirm" }), {
      type: "refused",
      work: "confirm",
      problem: problem("PAIRING_CODE_EXPIRED"),
    });
    expect(journey.codeProblem).toBe("expired");
  });
});

describe("refusals", () => {
  const works: Work[] = ["refresh", "confirm", "handoff", "stop"];
  test.each(works)("%s in a state that has gone on: look again, say nothing", (work) => {
    for (const reason of ["WRONG_STATE", "SESSION_EXPIRED", "FLOW_NOT_ALLOWED"]) {
      const event: Event = { type: "refused", work, problem: problem(reason) };
      const [journey, ...todo] = step(here(S.CREATED, { work }), event, NOW);
      expect(journey.problem).toBeNull();
      expect(journey.work).toBeNull();
      expect(todo).toEqual([{ do: "load" }]);
    }
  });
  test.each([...works, "complete", "begin", "sign-in"] as Work[])(
    "%s with a passing problem is said, and can be pressed again",
    (work) => {
      const journey = after(here(S.CREATED, { work }), {
        type: "refused",
        work,
        problem: problem("UNAVAILABLE"),
      });
      expect(journey).toMatchObject({ work: null, problem: { reason: "UNAVAILABLE" } });
    },
  );
  test("a session that another tab replaced", () => {
    const event: Event = { type: "refused", work: "confirm", problem: problem("SESSION_REPLACED") };
    expect(screenOf(after(here(S.CLAIMED), event))).toBe("journey-replaced");
  });
});

describe("presses", () => {
  const table: [string, Journey, Event, Effect[]][] = [
    [
      "open the app",
      here(S.CREATED, { way: "this" }),
      { type: "open-app" },
      [{ do: "hand-off", sessionId: ID }],
    ],
    ["stop", here(S.PAIRED), { type: "stop" }, [{ do: "stop", sessionId: ID }]],
    [
      "start again",
      here(S.EXPIRED),
      { type: "begin", way: "other" },
      [{ do: "begin", act: Act.LINK, way: "other" }],
    ],
    ["use this tab", here(S.PAIRED, { at: "older-tab" }), { type: "use-this-tab" }, [{ do: "load" }]],
    ["again", { ...initial, at: "unreachable" }, { type: "again" }, [{ do: "load" }]],
    ["anything in an older tab", here(S.PAIRED, { at: "older-tab" }), { type: "stop" }, []],
    ["anything while something is going on", here(S.PAIRED, { work: "stop" }), { type: "stop" }, []],
    ["anything without a session", { ...initial, at: "none" }, { type: "open-app" }, []],
  ];
  test.each(table)("%s", (_name, journey, event, todo) => {
    expect(effects(journey, event)).toEqual(todo);
  });
  test("the app's address is opened, and the page waits", () => {
    const [journey, ...todo] = step(
      here(S.CREATED, { way: "this", work: "handoff" }),
      { type: "app-url", url: "https://app.example/#h=x" },
      NOW,
    );
    expect(screenOf(journey)).toBe("phone-waiting");
    expect(todo).toEqual([{ do: "go", url: "https://app.example/#h=x" }]);
  });
  test("a journey that was begun anew has nothing of the old one", () => {
    expect(after(here(S.CANCELLED, { problem: problem("INTERNAL") }), { type: "begun" })).toMatchObject({
      at: "loading",
      view: null,
      problem: null,
    });
  });
});

describe("network and tabs", () => {
  test("a newer tab: this one rests", () => {
    expect(screenOf(after(here(S.CREATED, { frame }), { type: "other-tab" }))).toBe("journey-older-tab");
  });
  test("offline is said, online looks again", () => {
    const journey = after(here(S.PAIRED), { type: "offline" });
    expect(journey.offline).toBe(true);
    expect(step(journey, { type: "online" }, NOW)).toEqual([
      expect.objectContaining({ offline: false }),
      { do: "load" },
    ]);
  });
  test("a stream that is down is said, and is up again", () => {
    const journey = after(here(S.CREATED, { frame }), { type: "stream-down" });
    expect(journey.down).toBe(true);
    expect(journey.frame).toBeNull();
    expect(after(journey, { type: "stream-up" }).down).toBe(false);
  });
  test("a stream that is refused: GetSession says where things stand", () => {
    const event: Event = { type: "stream-refused", problem: problem("CREDENTIAL_INVALID") };
    expect(effects(here(S.PAIRED), event)).toEqual([{ do: "load" }]);
  });
  test("a second look waits for what is going on", () => {
    expect(effects(here(S.PAIRED), { type: "look" })).toEqual([{ do: "load" }]);
    expect(effects(here(S.PAIRED, { work: "stop" }), { type: "look" })).toEqual([]);
  });
  test("the end of READY comes before that of the session", () => {
    const ready = here(S.READY, {}, { readyUntil: timestampFromMs(NOW + 5000) });
    expect(dueAt(ready)).toBe(NOW + 5000);
    expect(dueAt(here(S.EXPIRED))).toBeNull();
  });
});

describe("every event in every state", () => {
  const states = Object.values(SessionState);
  const events: Event[] = [
    { type: "load" },
    loaded(S.CREATED),
    loaded(null),
    { type: "not-loaded", problem: problem("NETWORK") },
    { type: "view", view: view(S.PAIRED) },
    { type: "frame", frame },
    { type: "stream-refused", problem: problem("INTERNAL") },
    { type: "stream-down" },
    { type: "stream-up" },
    { type: "offline" },
    { type: "online" },
    { type: "other-tab" },
    { type: "look" },
    { type: "choose", way: "this" },
    { type: "more-time" },
    { type: "not-mine" },
    { type: "carry-on" },
    { type: "code-typed", text: "1" },
    { type: "code-sent" },
    { type: "open-app" },
    { type: "stop" },
    { type: "sign-in" },
    { type: "i-am-here" },
    { type: "begin", way: "this" },
    { type: "use-this-tab" },
    { type: "again" },
    { type: "refreshed", frame },
    { type: "code-right" },
    { type: "app-url", url: "https://app.example/" },
    { type: "stopped" },
    { type: "completed" },
    { type: "begun" },
    { type: "refused", work: "stop", problem: problem("INTERNAL") },
  ];
  const tabs = ["loading", "none", "unreachable", "here", "older-tab", "replaced"] as const;
  test.each(tabs)("%s: a screen, at most one piece of work, and no decision without presence", (at) => {
    for (const state of states) {
      for (const event of events) {
        const [next] = step(here(state, { at }), event, NOW);
        const screen = screenOf(next);
        expect(screen).toBeTruthy();
        if (screen === "journey-decide" || screen === "journey-result") expect(next.present).toBe(true);
        if (next.frame !== null) expect(next.view?.state).toBe(S.CREATED);
      }
    }
  });
});

import { describe, expect, test } from "vitest";

import { initial, step } from "./machine.ts";
import type { Event, Sight, State, Trouble } from "./machine.ts";

const PICTURE = new Blob(["picture"]);
const LINK: Sight = { kind: "LINK", fragment: "#q=abc" };
const looking: State = { name: "LOOKING", other: false };
const other: State = { name: "LOOKING", other: true };
const reading: State = { name: "READING" };
const idle = (trouble: Trouble | null): State => ({ name: "IDLE", trouble });
const sees = (sight: Sight): Event => ({ type: "SIGHT", sight });

describe("the simulated camera", () => {
  test.each<[string, State, Event, State, string[]]>([
    ["looks when it is told to", idle("NO_QR"), { type: "LOOK" }, looking, ["CAPTURE"]],
    ["looks once", looking, { type: "LOOK" }, looking, []],
    ["stops at once when it has found it", looking, sees(LINK), initial, ["END", "OPEN"]],
    ["goes on while there is none", looking, sees({ kind: "NO_QR" }), looking, []],
    ["says that there is another one", looking, sees({ kind: "OTHER_QR" }), other, []],
    ["and that it has gone", other, sees({ kind: "NO_QR" }), looking, []],
    ["stops when it is told to, and is no trouble", other, { type: "STOP" }, idle(null), ["END"]],
    ["gives up in time", looking, { type: "TIME_OVER" }, idle("NO_QR"), ["END"]],
    ["and says what it saw last", other, { type: "TIME_OVER" }, idle("OTHER_QR"), ["END"]],
    ["says that it was refused", looking, { type: "TROUBLE", trouble: "REFUSED" }, idle("REFUSED"), ["END"]],
    ["takes a picture instead", looking, { type: "PICTURE", picture: PICTURE }, reading, ["END", "READ"]],
    [
      "takes another picture",
      idle("OTHER_QR"),
      { type: "PICTURE", picture: PICTURE },
      reading,
      ["END", "READ"],
    ],
    ["finds it in a picture", reading, sees(LINK), initial, ["END", "OPEN"]],
    ["finds none in a picture", reading, sees({ kind: "NO_QR" }), idle("NO_QR"), ["END"]],
    ["finds another in a picture", reading, sees({ kind: "OTHER_QR" }), idle("OTHER_QR"), ["END"]],
    ["opens nothing that comes too late", idle(null), sees(LINK), idle(null), []],
  ])("%s", (_, before, event, after, effects) => {
    const [state, ...done] = step(before, event);
    expect(state).toEqual(after);
    expect(done.map((effect) => effect.do)).toEqual(effects);
  });
});

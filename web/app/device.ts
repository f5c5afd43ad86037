// A guess at the device that shows this page. It only orders what is offered: both ways always are. The
// width of the window never decides, because zoom changes it: a zoomed phone is no PC.
import type { Way } from "./memory.ts";

export interface Device {
  /** The main pointer is a finger. */
  coarsePointer: boolean;
  /** The screen's shorter side, in CSS pixels that zoom does not change. */
  screenShortSide: number;
  /** navigator.userAgentData.mobile, where a browser has it. */
  mobileHint: boolean | null;
  userAgent: string;
  maxTouchPoints: number;
}

/** "this": a phone, which can read the card itself. "other": a PC or tablet beside which there is a phone. */
export function guessWay(device: Device): Way {
  if (device.mobileHint !== null) return device.mobileHint ? "this" : "other";
  if (/iPhone|iPod|Android.+Mobile/.test(device.userAgent)) return "this";
  // An iPad calls itself a Mac, and an Android tablet has no "Mobile": neither reads the card.
  if (/iPad|Macintosh|Windows NT|CrOS|Android|X11/.test(device.userAgent)) return "other";
  return device.coarsePointer && device.maxTouchPoints > 0 && device.screenShortSide < 600 ? "this" : "other";
}

export function readDevice(): Device {
  const hints = (navigator as Navigator & { userAgentData?: { mobile?: boolean } }).userAgentData;
  return {
    coarsePointer: matchMedia("(pointer: coarse)").matches,
    screenShortSide: Math.min(screen.width, screen.height),
    mobileHint: hints?.mobile ?? null,
    userAgent: navigator.userAgent,
    maxTouchPoints: navigator.maxTouchPoints,
  };
}

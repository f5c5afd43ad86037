// What a page does with its two streams, and what came over them: frames, gaps, delays. Streams are kept
// open as the page keeps them (ui/stream.ts).
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { WatchQrFramesResponse } from "../gen/musubi/v1/pairing_pb.ts";
import { type KeptStream, keepStream } from "../ui/stream.ts";
import { browserTimer } from "../ui/timer.ts";
import type { Streams } from "./pc.ts";

/** As the page's driver. */
const FRAME_STALL_MS = 6_000;

/** Milliseconds since the epoch, with a fraction. */
export const preciseNow = (): number => performance.timeOrigin + performance.now();

export class Watcher {
  readonly #pc: Streams;
  readonly #sessionId: Uint8Array;
  #kept: KeptStream[] = [];
  #before: { number: bigint; nextAt: number } | undefined;
  #reopened = { frames: false, session: false };

  frames = 0;
  /** Frames that never came, though the stream was open before and after. */
  gaps = 0;
  /** Milliseconds from the moment that the server had named to the frame's arrival. */
  delays: number[] = [];
  /** Session views. */
  views = 0;
  /** Why a stream was refused for good. */
  refused: string | undefined;
  /** When a frame, and a view, first came over a new stream, since `expectReturn`. */
  frameBackAt: number | undefined;
  viewBackAt: number | undefined;

  constructor(pc: Streams, sessionId: Uint8Array) {
    this.#pc = pc;
    this.#sessionId = sessionId;
  }

  start(): void {
    const sessionId = this.#sessionId;
    const common = {
      timer: browserTimer,
      random: (octets: number) => crypto.getRandomValues(new Uint8Array(octets)),
      onRefused: ({ reason }: { reason: string }) => (this.refused = reason),
      onDown: () => undefined,
      onUp: () => undefined,
    };
    this.#kept = [
      keepStream({
        ...common,
        open: (signal) => {
          this.#before = undefined;
          this.#reopened.frames = true;
          return this.#pc.pairing.watchQrFrames({ sessionId }, { signal });
        },
        onMessage: (message) => this.#onFrame(message),
        stallMs: FRAME_STALL_MS,
      }),
      keepStream({
        ...common,
        open: (signal) => {
          this.#reopened.session = true;
          return this.#pc.session.watchSession({ sessionId }, { signal });
        },
        onMessage: () => {
          this.views += 1;
          if (this.#reopened.session) this.viewBackAt ??= preciseNow();
          this.#reopened.session = false;
        },
        stallMs: null,
      }),
    ];
  }

  stop(): void {
    for (const stream of this.#kept) stream.stop();
  }

  /** Counts anew. */
  reset(): void {
    this.frames = 0;
    this.gaps = 0;
    this.delays = [];
  }

  /** The streams that are open now are about to end. */
  expectReturn(): void {
    this.frameBackAt = this.viewBackAt = undefined;
    this.#reopened = { frames: false, session: false };
  }

  get isBack(): boolean {
    return this.frameBackAt !== undefined && this.viewBackAt !== undefined;
  }

  #onFrame({ frame }: WatchQrFramesResponse): void {
    const now = preciseNow();
    if (frame === undefined) return;
    this.frames += 1;
    if (this.#reopened.frames) this.frameBackAt ??= now;
    this.#reopened.frames = false;
    const before = this.#before;
    if (before !== undefined) {
      const passed = Number(frame.frameNumber - before.number);
      if (passed === 1) this.delays.push(now - before.nextAt);
      else this.gaps += passed - 1;
    }
    this.#before =
      frame.nextFrameAt === undefined
        ? undefined
        : { number: frame.frameNumber, nextAt: nanosMs(frame.nextFrameAt) };
  }
}

function nanosMs(at: NonNullable<NonNullable<WatchQrFramesResponse["frame"]>["nextFrameAt"]>): number {
  return timestampMs({ ...at, nanos: 0 }) + at.nanos / 1e6;
}

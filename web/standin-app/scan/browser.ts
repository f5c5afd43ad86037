// The simulated camera in a browser: what it looks at is what getDisplayMedia() gives, or a file.
import type { Timer } from "../../ui/timer.ts";
import type { Picture } from "./reader.ts";
import { createScanner, ScanTrouble } from "./scanner.ts";
import type { Capture } from "./scanner.ts";

/** Larger pictures are made smaller: of a screen of this size a QR code is still plain. */
const MAX_SIDE = 3840;

function pictureOf(source: CanvasImageSource, width: number, height: number): Picture {
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("no canvas");
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** Some browsers would bring the window that is looked at to the front: the phone stays where it is. */
function stayInFront(): { controller?: unknown } {
  const { CaptureController } = window as { CaptureController?: new () => object };
  if (CaptureController === undefined) return {};
  const controller = new CaptureController() as { setFocusBehavior?: (behavior: string) => void };
  try {
    controller.setFocusBehavior?.("no-focus-change");
  } catch {
    // An older name of it: then the other window comes to the front, and nothing is lost.
  }
  return { controller };
}

async function captureScreen(): Promise<Capture> {
  const { mediaDevices } = navigator as { mediaDevices?: Partial<MediaDevices> };
  if (mediaDevices?.getDisplayMedia === undefined) throw new ScanTrouble("UNSUPPORTED");
  let stream: MediaStream;
  try {
    stream = await mediaDevices.getDisplayMedia({ video: true, audio: false, ...stayInFront() });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError") throw new ScanTrouble("REFUSED");
    if (name === "NotSupportedError") throw new ScanTrouble("UNSUPPORTED");
    throw error;
  }
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  try {
    await video.play();
  } catch (error) {
    close();
    throw error;
  }
  return {
    picture: () => (video.videoWidth === 0 ? null : pictureOf(video, video.videoWidth, video.videoHeight)),
    onEnded: (listener) => {
      for (const track of stream.getVideoTracks()) track.addEventListener("ended", listener);
    },
    close,
  };
}

async function decode(file: Blob): Promise<Picture> {
  const bitmap = await createImageBitmap(file);
  try {
    return pictureOf(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

export function browserScanner(timer: Timer, open: (fragment: string) => void) {
  return createScanner({
    capture: captureScreen,
    decode,
    loadReader: async () => {
      const { readPicture } = await import("./reader.ts");
      return (picture) => readPicture(picture, location.origin);
    },
    timer,
    open,
  });
}

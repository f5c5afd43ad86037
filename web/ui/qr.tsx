// A QR code as SVG. Black on white with a quiet zone in every mode; no style in the document.
import { useMemo } from "preact/hooks";
import { qrOf } from "./qr_path.ts";

/** `label` says what the code is for; it must not hold what the code holds. */
export function Qr(props: { content: string; label: string }) {
  const { path, size } = useMemo(() => qrOf(props.content), [props.content]);
  return (
    <div class="qr" role="img" aria-label={props.label} data-testid="qr">
      <svg viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges" aria-hidden="true" focusable="false">
        <path d={path} />
      </svg>
    </div>
  );
}

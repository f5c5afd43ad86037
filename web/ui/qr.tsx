// A QR code as SVG. Black on white with a quiet zone in every mode; no style in the document.
import { encode } from "uqr";
import { useMemo } from "preact/hooks";

/** Modules of white around the code (ISO/IEC 18004 demands four). */
const QUIET_ZONE = 4;

/** The dark modules as one path, a run of a row at a time. */
export function qrPath(data: boolean[][]): string {
  let path = "";
  data.forEach((row, y) => {
    for (let x = 0; x < row.length;) {
      if (row[x] !== true) {
        x += 1;
        continue;
      }
      let end = x;
      while (row[end] === true) end += 1;
      path += `M${x} ${y}h${end - x}v1h${x - end}z`;
      x = end;
    }
  });
  return path;
}

/** `label` says what the code is for; it must not hold what the code holds. */
export function Qr(props: { content: string; label: string }) {
  const { path, size } = useMemo(() => {
    const code = encode(props.content, { ecc: "M", border: QUIET_ZONE });
    return { path: qrPath(code.data), size: code.size };
  }, [props.content]);
  return (
    <div class="qr" role="img" aria-label={props.label} data-testid="qr">
      <svg viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges" aria-hidden="true" focusable="false">
        <path d={path} />
      </svg>
    </div>
  );
}

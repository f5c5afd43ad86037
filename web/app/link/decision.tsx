// What a person decides once the card is proven. Not built yet.
import type { SessionView } from "../../gen/musubi/v1/session_pb.ts";
import { Waiting } from "../../ui/components.tsx";
import { Frame } from "../frame.tsx";
import type { Services } from "../services.ts";
import { words } from "../text/frame.ts";

/**
 * A whole page, with its Frame: heading and state change with the decision. Shown by the journey once the
 * session is READY and CompleteReturn is done (the person was here all along, or has just signed in again),
 * and kept while the session is USED. LINK, UNLINK, REPLACE; never VERIFY. `session` may be newer each time.
 */
export function LinkDecision(props: { services: Services; session: SessionView }) {
  return (
    <Frame services={props.services} state="link-loading" title={words.loading}>
      <Waiting words={words.loading} />
    </Frame>
  );
}

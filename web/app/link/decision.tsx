// What a person decides once the card is proven. Not built yet.
import type { SessionView } from "../../gen/musubi/v1/session_pb.ts";
import { Waiting } from "../../ui/components.tsx";
import type { Services } from "../services.ts";
import { words } from "../text/frame.ts";

/**
 * Shown inside a page's main, below its h1, once the session is READY and CompleteReturn is done (the
 * person was here all along, or has just signed in again). LINK, UNLINK, REPLACE; never VERIFY.
 */
export function LinkDecision(props: { services: Services; session: SessionView }) {
  return <Waiting key={props.session.locale} words={words.loading} />;
}

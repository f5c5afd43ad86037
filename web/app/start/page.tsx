// Not built yet.
import { Waiting } from "../../ui/components.tsx";
import { Frame } from "../frame.tsx";
import type { Services } from "../services.ts";
import { words } from "../text/frame.ts";

export default function PlaceholderPage(props: { services: Services }) {
  return (
    <Frame services={props.services} state="start" title={words.loading}>
      <Waiting words={words.loading} />
    </Frame>
  );
}

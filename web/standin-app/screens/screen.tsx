// Which screen draws which state. Complete by type.
import { useStore } from "../../ui/machine.tsx";
import * as begin from "./begin.tsx";
import * as card from "./card.tsx";
import * as end from "./end.tsx";
import type { View } from "./parts.tsx";

export function CurrentScreen(props: Omit<View, "state">) {
  const state = useStore(props.app);
  const view: View = { ...props, state };
  if (state.trouble !== null) return <end.Trouble {...view} failure={state.trouble.failure} />;
  const { screen } = state;
  switch (screen.name) {
    case "LOADING":
      return <begin.Loading {...view} />;
    case "NOT_INSTALLED":
      return <begin.NotInstalled {...view} />;
    case "HOME":
      return <begin.Home {...view} />;
    case "CARDS":
      return <begin.Cards {...view} />;
    case "OPENED":
      return <begin.Opened {...view} />;
    case "LINK_DAMAGED":
      return <begin.LinkDamaged {...view} />;
    case "CLAIM_REFUSED":
      return <begin.ClaimRefused {...view} reason={screen.reason} />;
    case "WHO":
      return <begin.Who {...view} />;
    case "CODE":
      return <begin.Code {...view} />;
    case "SETUP":
      return <card.Setup {...view} />;
    case "UNLOCK":
      return <card.Unlock {...view} />;
    case "START":
      return <card.Start {...view} />;
    case "PIN_1":
      return <card.EnterPin {...view} key="1" pin="AUTHENTICATION" wrong={screen.wrong} />;
    case "PIN_2":
      return <card.EnterPin {...view} key="2" pin="CARD_INFO" wrong={screen.wrong} />;
    case "READ_READY":
      return <card.ReadReady {...view} why={screen.why} />;
    case "READING":
      return <card.Reading {...view} />;
    case "LIFTED":
      return <card.Lifted {...view} />;
    case "LOCKED":
      return <card.Locked {...view} pin={screen.pin} />;
    case "SENDING":
      return <card.Sending {...view} />;
    case "PROOF_KEPT":
      return <card.ProofKept {...view} until={screen.until} />;
    case "VERDICT":
      return <card.VerdictPage {...view} reason={screen.reason} triesLeft={screen.triesLeft} />;
    case "REFUSED":
      return <card.Refused {...view} />;
    case "CONSENT":
      return <end.Consent {...view} changed={screen.changed} />;
    case "RETURN":
      return <end.Return {...view} returnAt={screen.returnAt} gone={screen.gone} />;
    case "DONE_PC":
      return <end.DonePc {...view} />;
    case "DONE_BROWSER":
      return <end.DoneBrowser {...view} />;
    case "OVER":
      return <end.Over {...view} ending={screen.ending} />;
  }
}

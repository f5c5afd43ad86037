// Calls of the authentication app, with its own credential. Cookies are neither read nor set; another
// origin than the configured ones is refused (app.ts), and one without Origin is no browser.
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { PairingService } from "../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../gen/musubi/v1/session_pb.ts";
import { ValidationService } from "../gen/musubi/v1/validation_pb.ts";
import { callFacts, servicesCall } from "./calls.ts";
import { refusal } from "./refusals.ts";
import type { Tier } from "./tier.ts";

/** The device's credential: 32 octets in base64url. */
const BEARER = /^Bearer ([A-Za-z0-9_-]{43})$/;

function deviceCredential(context: HandlerContext): string {
  const given = context.requestHeader.get("authorization");
  if (given === null) throw refusal("CREDENTIAL_MISSING");
  const credential = BEARER.exec(given)?.[1];
  if (credential === undefined) throw refusal("CREDENTIAL_INVALID");
  return credential;
}

/** Exactly what an app may call. */
export function appRoutes(router: ConnectRouter, tier: Tier): void {
  const { session, pairing, validation } = tier.services;
  const limits = tier.config.limits;
  const open = (context: HandlerContext) => servicesCall(context, limits.unary_seconds * 1_000, undefined);
  const device = (context: HandlerContext) =>
    servicesCall(context, limits.unary_seconds * 1_000, deviceCredential(context));

  router.service(SessionService, {
    getSession: (request, context) => session.getSession(request, device(context)),
    watchSession: (request, context) => {
      const credential = deviceCredential(context);
      return tier.streams.run({
        // One phone, one credential; the services say whether it is this session's.
        owner: `app ${credential}`,
        signal: context.signal,
        hangUp: context.values.get(callFacts).hangUp,
        heartbeatMs: limits.heartbeat_seconds * 1_000,
        open: (signal) =>
          session.watchSession(
            request,
            servicesCall(context, limits.stream_seconds * 1_000, credential, signal),
          ),
      });
    },
    cancelSession: (request, context) => session.cancelSession(request, device(context)),
  });
  router.service(PairingService, {
    claimQr: (request, context) => pairing.claimQr(request, open(context)),
    claimHandoff: (request, context) => pairing.claimHandoff(request, open(context)),
    refreshCode: (request, context) => pairing.refreshCode(request, device(context)),
    refreshReturnCode: (request, context) => pairing.refreshReturnCode(request, device(context)),
  });
  router.service(ValidationService, {
    getChallenge: (request, context) => validation.getChallenge(request, device(context)),
    submitProof: (request, context) => validation.submitProof(request, device(context)),
    grantConsent: (request, context) => validation.grantConsent(request, device(context)),
  });
}

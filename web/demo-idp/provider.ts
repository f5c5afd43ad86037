// The OpenID provider behind the demo's login page: oidc-provider, narrowed to what one service needs.
// Everything that it remembers is in memory and ends with the process.
import { generateKeyPairSync, randomBytes } from "node:crypto";

import Provider, { interactionPolicy, type Interaction } from "oidc-provider";

import { ACR_MFA, ACR_PASSWORD, type DemoAccount } from "./accounts.ts";
import { errorPage } from "./pages.ts";
import { chooseLanguage } from "../shared/language.ts";

export interface ProviderOptions {
  issuer: string;
  client: { id: string; secret: string; redirectUris: string[] };
  accounts: readonly DemoAccount[];
}

/** Path of the login page for one request to sign in. */
export function loginPath(uid: string): string {
  return `/login/${uid}`;
}

const HOUR = 3600;

export function makeProvider({ issuer, client, accounts }: ProviderOptions): Provider {
  const policy = interactionPolicy.base();
  // There is nothing to consent to: the one service is the university's own.
  policy.remove("consent");
  // An earlier sign-in that is too weak for what is asked now does not count.
  policy.get("login")?.checks.add(
    new interactionPolicy.Check("acr_values", "a stronger sign-in is asked for", ({ oidc }) => {
      const asked = acrValues(oidc.params?.["acr_values"]);
      const has = oidc.session?.acr;
      return asked.length > 0 && (has === undefined || !asked.includes(has)) && !oidc.result?.login;
    }),
  );

  return new Provider(issuer, {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        redirect_uris: client.redirectUris,
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    jwks: {
      keys: [generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" })],
    },
    cookies: { keys: [randomBytes(32).toString("base64url")] },
    acrValues: [ACR_PASSWORD, ACR_MFA],
    scopes: ["openid"],
    claims: {
      // Every ID token says when and how the person signed in.
      openid: ["sub", "acr", "auth_time"],
      profile: ["name", "preferred_username"],
    },
    clientBasedCORS: () => false,
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      resourceIndicators: { enabled: false },
      rpInitiatedLogout: { enabled: false },
    },
    interactions: { policy, url: (_context, interaction) => loginPath(interaction.uid) },
    ttl: {
      AccessToken: 300,
      AuthorizationCode: 60,
      IdToken: 300,
      Interaction: HOUR,
      Grant: HOUR,
      Session: HOUR,
    },
    findAccount: (_context, id) => {
      const account = accounts.find((candidate) => candidate.id === id);
      if (account === undefined) return undefined;
      return {
        accountId: id,
        claims: () => ({
          sub: id,
          name: account.name,
          preferred_username: account.preferred_username ?? account.id,
        }),
      };
    },
    // Scopes are granted as asked: see consent above.
    loadExistingGrant: async (context) => {
      const { oidc } = context;
      const accountId = oidc.session?.accountId;
      if (oidc.client === undefined || accountId === undefined) return undefined;
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId });
      grant.addOIDCScope([...oidc.requestParamScopes].join(" "));
      await grant.save();
      return grant;
    },
    renderError: (context, out) => {
      context.type = "html";
      context.set("content-security-policy", "default-src 'none'; style-src 'self'; img-src data:");
      context.body = errorPage(chooseLanguage(context.get("accept-language")), out.error);
    },
  });
}

/** What must be shown for this request: the strongest that is asked for, if a password is not enough. */
export function needsSecondFactor(interaction: Interaction): boolean {
  const asked = acrValues(interaction.params["acr_values"]);
  return asked.includes(ACR_MFA) && !asked.includes(ACR_PASSWORD);
}

function acrValues(parameter: unknown): string[] {
  return typeof parameter === "string" ? parameter.split(" ").filter((value) => value !== "") : [];
}

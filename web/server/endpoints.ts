// What is neither a page nor a call: what pages are told, and the ways out. No GET of these makes anything.
import type { FastifyInstance, FastifyReply } from "fastify";
import type { BrowserState } from "../shared/page.ts";
import { ENDPOINTS, PAGES } from "../shared/routes.ts";
import { pageConfig } from "./config.ts";
import { cancelQuietly } from "./sessions.ts";
import type { Tier } from "./tier.ts";

const rfc3339 = (ms: number): string => new Date(ms).toISOString();

export function endpoints(app: FastifyInstance, tier: Tier): void {
  const { cookies, config } = tier;
  const page = pageConfig(config);

  app.get(ENDPOINTS.config, (_request, reply) => reply.header("cache-control", "no-cache").send(page));

  app.get(ENDPOINTS.state, (request, reply): FastifyReply => {
    const session = cookies.read("session", request.headers.cookie);
    const signIn = cookies.read("signIn", request.headers.cookie);
    const state: BrowserState = {
      session:
        session === undefined
          ? null
          : { id: session.value.id, act: session.value.act, expiresAt: rfc3339(session.expiresAt) },
      signedIn:
        signIn === undefined
          ? null
          : {
              accountHint: signIn.value.hint,
              accountName: signIn.value.name,
              authTime: rfc3339(signIn.value.authTime * 1_000),
              fresh: signIn.value.fresh,
              until: rfc3339(signIn.expiresAt),
            },
    };
    return reply.send(state);
  });

  // "Leave this PC": whatever the services say, this browser knows nothing afterwards.
  app.post(ENDPOINTS.leave, async (request, reply) => {
    const session = cookies.read("session", request.headers.cookie);
    if (session !== undefined) await cancelQuietly(tier, session.value);
    return reply.header("set-cookie", cookies.clearAll()).code(204).send();
  });

  app.post(ENDPOINTS.signOut, (_request, reply) =>
    reply
      .header("set-cookie", [cookies.clear("signIn"), cookies.clear("oidc")])
      .code(204)
      .send(),
  );

  // The way back to the relying party: where to and with what is in a sealed cookie alone.
  app.get(
    ENDPOINTS.result,
    { exposeHeadRoute: false, config: { once: true } },
    (request, reply): FastifyReply => {
      const result = cookies.read("result", request.headers.cookie);
      if (result === undefined) return reply.redirect(`${PAGES.journey}#error=RESULT_CODE_INVALID`, 303);
      const to = new URL(result.value.returnUri);
      to.searchParams.set("state", result.value.state);
      to.searchParams.set("code", result.value.code);
      return reply.header("set-cookie", cookies.clear("result")).redirect(to.href, 303);
    },
  );
}

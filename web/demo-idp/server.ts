// The demo identity provider: login pages over HTTPS, and the OpenID provider behind them. Listens on
// loopback for the demo and for tests; no part of production.
import { fileURLToPath } from "node:url";
import { readFileSync } from "node:fs";

import formbody from "@fastify/formbody";
import helmet from "@fastify/helmet";
import Fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { errors, type Interaction } from "oidc-provider";
import type Provider from "oidc-provider";
import { z } from "zod";

import { ACR_MFA, ACR_PASSWORD, DEMO_SECOND_FACTOR, type DemoAccount } from "./accounts.ts";
import { errorPage, loginPage, secondFactorPage, type LoginPage } from "./pages.ts";
import { makeProvider, needsSecondFactor, type ProviderOptions } from "./provider.ts";
import { sameSecret } from "../shared/secret.ts";
import { chooseLanguage } from "../shared/language.ts";

export interface DemoIdpOptions extends Omit<ProviderOptions, "issuer"> {
  host: string;
  port: number;
  tls: { certificate: string; key: string };
}

export interface DemoIdp {
  issuer: string;
  port: number;
  close(): Promise<void>;
}

const LoginForm = z.object({
  pick: z.string().optional(),
  account: z.string().max(256).default(""),
  password: z.string().max(256).default(""),
  code: z.string().max(16).optional(),
});
const Query = z.object({ lang: z.string().optional() });

/** Listens; the issuer is known then. */
export async function startDemoIdp(options: DemoIdpOptions): Promise<DemoIdp> {
  const app = Fastify({ https: { cert: options.tls.certificate, key: options.tls.key } });
  const late: { provider?: Provider; handle?: Provider["callback"] extends () => infer T ? T : never } = {};
  const running = (): Provider => {
    if (late.provider === undefined) throw new Error("not listening yet");
    return late.provider;
  };

  // A form's answer leads back to the service, which browsers hold against form-action.
  const services = options.client.redirectUris.map((uri) => new URL(uri).origin);
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        "default-src": ["'none'"],
        "style-src": ["'self'"],
        "img-src": ["data:"],
        "form-action": ["'self'", ...services],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
      },
    },
  });
  await app.register(formbody);
  app.addHook("onSend", (_request, reply, _payload, done) => {
    void reply.header("cache-control", "no-store");
    done();
  });
  app.setErrorHandler((error, request, reply) => {
    const gone = error instanceof errors.SessionNotFound;
    const known = error instanceof errors.OIDCProviderError;
    if (!known) process.stderr.write(`${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
    return reply
      .code(gone ? 404 : known ? error.status : 500)
      .type("text/html; charset=utf-8")
      .send(errorPage(language(request), known ? error.error : "server_error"));
  });

  const style = readFileSync(fileURLToPath(new URL("style.css", import.meta.url)), "utf8");
  app.get("/style.css", (_request, reply) => reply.type("text/css; charset=utf-8").send(style));

  const view = (request: FastifyRequest, interaction: Interaction): LoginPage => {
    const asked = interaction.params["ui_locales"];
    const redirect = z.string().parse(interaction.params["redirect_uri"]);
    return {
      language: language(request, typeof asked === "string" ? asked : undefined),
      path: `/login/${interaction.uid}`,
      service: new URL(redirect).host,
      accounts: options.accounts,
      fresh: interaction.session?.accountId !== undefined,
      wrong: false,
    };
  };
  const show = (reply: FastifyReply, html: string) => reply.type("text/html; charset=utf-8").send(html);

  app.get("/login/:uid", async (request, reply) => {
    const interaction = await running().interactionDetails(request.raw, reply.raw);
    const page = view(request, interaction);
    return show(reply, passwordGiven(interaction) ? secondFactorPage(page) : loginPage(page));
  });

  app.post("/login/:uid", async (request, reply) => {
    const interaction = await running().interactionDetails(request.raw, reply.raw);
    const form = LoginForm.parse(request.body ?? {});
    const page = view(request, interaction);
    const earlier = passwordGiven(interaction);
    if (earlier !== undefined && form.code !== undefined) {
      if (!sameSecret(form.code.trim(), DEMO_SECOND_FACTOR)) {
        return show(reply, secondFactorPage({ ...page, wrong: true }));
      }
      return finish(request, reply, interaction, { accountId: earlier, acr: ACR_MFA });
    }
    const account = find(options.accounts, form);
    if (account === undefined) {
      return show(reply, loginPage({ ...page, wrong: true, account: form.account }));
    }
    if (needsSecondFactor(interaction) && account.second_factor) {
      interaction.result = { passwordGiven: account.id };
      await interaction.save(interaction.exp - interaction.iat);
      return show(reply, secondFactorPage(page));
    }
    return finish(request, reply, interaction, { accountId: account.id, acr: ACR_PASSWORD });
  });

  app.post("/login/:uid/cancel", async (request, reply) => {
    reply.hijack();
    await running().interactionFinished(request.raw, reply.raw, { error: "access_denied" });
  });

  async function finish(
    request: FastifyRequest,
    reply: FastifyReply,
    interaction: Interaction,
    login: { accountId: string; acr: string },
  ): Promise<void> {
    const earlier = interaction.session;
    if (earlier !== undefined && earlier.accountId !== login.accountId) {
      // Another person: the browser's earlier sign-in ends here.
      await (await running().Session.findByUid(earlier.uid))?.destroy();
      delete interaction.session;
      await interaction.save(interaction.exp - interaction.iat);
    }
    reply.hijack();
    await running().interactionFinished(request.raw, reply.raw, { login });
  }

  // Everything else is the provider's. It reads bodies itself.
  await app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _payload, parsed) => parsed(null));
    scope.all("/*", (request, reply) => {
      reply.hijack();
      void late.handle?.(request.raw, reply.raw);
    });
    done();
  });

  await app.listen({ host: options.host, port: options.port });
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  const issuer = `https://localhost:${port}`;
  late.provider = makeProvider({ ...options, issuer });
  late.handle = late.provider.callback();
  return {
    issuer,
    port,
    close: async () => {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

/** Whose password was right, if a second factor is still to come. */
function passwordGiven(interaction: Interaction): string | undefined {
  const id = interaction.result?.["passwordGiven"];
  return typeof id === "string" ? id : undefined;
}

function find(accounts: readonly DemoAccount[], form: z.infer<typeof LoginForm>): DemoAccount | undefined {
  if (form.pick !== undefined) return accounts.find((account) => account.id === form.pick);
  return accounts.find(
    (account) => account.id === form.account.trim() && sameSecret(account.password, form.password),
  );
}

function language(request: FastifyRequest, asked?: string) {
  const query = Query.safeParse(request.query);
  return chooseLanguage(
    query.success ? query.data.lang : undefined,
    asked,
    request.headers["accept-language"],
  );
}

// The authentication app without its pages: the calls that a phone makes, for attacks that need a phone
// at a certain point of a journey. Native: it sends no Origin.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { SignatureAlgorithm, VerdictStatus } from "../../gen/musubi/v1/common_pb.ts";
import { PairingService, type ReturnTicket } from "../../gen/musubi/v1/pairing_pb.ts";
import { SessionService } from "../../gen/musubi/v1/session_pb.ts";
import type { ConsentRequest, SessionView } from "../../gen/musubi/v1/session_pb.ts";
import { ValidationService } from "../../gen/musubi/v1/validation_pb.ts";
import { APP_RPC } from "../../shared/routes.ts";
import type { Stage } from "../../stage/stage.ts";
import { AUTHENTICATION_PIN, CARD_INFO_PIN } from "../../stage/world.ts";
import { parseCardFile, PIN_TRIES, readCard } from "../../standin-app/card.ts";
import { challengeOctets } from "../../standin-app/challenge.ts";

const random = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(randomBytes(size));

export class Phone {
  /** What the person types on the PC. */
  code = "";
  readonly #session: Client<typeof SessionService>;
  readonly #pairing: Client<typeof PairingService>;
  readonly #validation: Client<typeof ValidationService>;
  readonly #origin: string;
  #sessionId: Uint8Array<ArrayBuffer> = new Uint8Array(16);
  #credential = "";

  constructor(stage: Stage) {
    const origin = stage.origins.tier;
    const transport = createConnectTransport({
      baseUrl: origin + APP_RPC,
      httpVersion: "2",
      nodeOptions: {
        ca: readFileSync(stage.world.file("tls/ca.crt")),
        // Node resolves no name below localhost.
        lookup: (_name, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]),
      },
    });
    this.#origin = origin;
    this.#session = createClient(SessionService, transport);
    this.#pairing = createClient(PairingService, transport);
    this.#validation = createClient(ValidationService, transport);
  }

  async scan(payload: string): Promise<void> {
    const answer = await this.#pairing.claimQr({ payload, claimKey: random(32) });
    this.#took(new Uint8Array(answer.sessionId), answer.deviceCredential);
    this.code = answer.pairingCode;
  }

  /** `fragment` of the app's address: `#h=<session id>.<token>`. */
  async openHandoff(fragment: string): Promise<void> {
    const [, id = "", token = ""] = /^#h=([^.]+)\.(.+)$/.exec(fragment) ?? [];
    const sessionId = new Uint8Array(Buffer.from(id, "base64url"));
    const handoffToken = new Uint8Array(Buffer.from(token, "base64url"));
    const answer = await this.#pairing.claimHandoff({ sessionId, handoffToken, claimKey: random(32) });
    this.#took(sessionId, answer.deviceCredential);
  }

  /** Reads the card and sends the proof; throws if it is not found good. */
  async prove(cardFile: string): Promise<ConsentRequest> {
    const sessionId = this.#sessionId;
    const { challenge } = await this.#validation.getChallenge({ sessionId }, this.#bearer());
    if (challenge === undefined) throw new Error("no challenge");
    const card = parseCardFile(readFileSync(cardFile, "utf8"));
    const tries = { AUTHENTICATION: PIN_TRIES, CARD_INFO: PIN_TRIES };
    const outcome = await readCard(
      card,
      { read: () => Promise.resolve(tries), write: () => Promise.resolve() },
      {
        authentication: AUTHENTICATION_PIN,
        cardInfo: challenge.requestedAttributes.length > 0 ? CARD_INFO_PIN : null,
      },
      challengeOctets(challenge, this.#origin),
    );
    if (outcome.kind !== "READ") throw new Error(`the card says ${outcome.kind}`);
    const { certificate, keyType, signature, name } = outcome.read;
    const answer = await this.#validation.submitProof(
      {
        sessionId,
        requestId: random(16),
        nonce: challenge.nonce,
        certificate,
        algorithm:
          keyType === "RSA" ? SignatureAlgorithm.RSA_PKCS1_SHA256 : SignatureAlgorithm.ECDSA_P384_SHA384,
        signature,
        ...(name === null ? {} : { nameStatement: name }),
      },
      this.#bearer(),
    );
    if (answer.verdict?.status !== VerdictStatus.VALID || answer.consent === undefined)
      throw new Error(`the card is not found good: ${answer.verdict?.reason ?? ""}`);
    return answer.consent;
  }

  /** Gives all that is asked for. On one device: with what the return page is opened. */
  async consent({ consentTextVersion, attributes }: ConsentRequest): Promise<ReturnTicket | undefined> {
    const answer = await this.#validation.grantConsent(
      {
        sessionId: this.#sessionId,
        requestId: random(16),
        consentTextVersion,
        attributes: attributes.map(({ attribute }) => attribute),
      },
      this.#bearer(),
    );
    return answer.ticket;
  }

  async look(): Promise<SessionView> {
    const { session } = await this.#session.getSession({ sessionId: this.#sessionId }, this.#bearer());
    if (session === undefined) throw new Error("no session");
    return session;
  }

  #took(sessionId: Uint8Array<ArrayBuffer>, credential: Uint8Array): void {
    this.#sessionId = sessionId;
    this.#credential = Buffer.from(credential).toString("base64url");
  }

  #bearer(): { headers: Record<string, string> } {
    return { headers: { authorization: `Bearer ${this.#credential}` } };
  }
}

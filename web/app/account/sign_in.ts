// Leaves this document for the identity provider.
import type { SignInPurpose } from "../../shared/page.ts";
import type { Locale } from "../../ui/i18n.tsx";
import type { Services } from "../services.ts";

/** The purpose decides where the person comes back to. */
export async function goAndSignIn(
  services: Pick<Services, "http" | "go">,
  purpose: SignInPurpose,
  locale: Locale,
): Promise<void> {
  services.go((await services.http.signIn({ purpose, locale })).location);
}

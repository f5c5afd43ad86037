// The people of the demo identity provider. All are made up, and say so.
import { z } from "zod";

export const ACR_PASSWORD = "urn:example:acr:password";
export const ACR_MFA = "urn:example:acr:mfa";

/** The second factor of everybody here: a demonstration, shown on the page. */
export const DEMO_SECOND_FACTOR = "246810";

export const DemoAccountSchema = z.strictObject({
  /** What is typed to sign in; also the subject that ID tokens name. */
  id: z.string().min(1).max(64),
  password: z.string().min(1).max(128),
  name: z.string().min(1).max(128),
  /** Claim preferred_username; the id if absent. */
  preferred_username: z.string().min(1).max(128).optional(),
  /** False: this person has no second factor, and only ever signs in with a password. */
  second_factor: z.boolean().default(true),
});

export type DemoAccount = z.infer<typeof DemoAccountSchema>;

export const DEMO_ACCOUNTS: readonly DemoAccount[] = [
  { id: "shiken-001", password: "mihon-password-1", name: "試験 一号", second_factor: true },
  { id: "shiken-002", password: "mihon-password-2", name: "試験 二号", second_factor: true },
];

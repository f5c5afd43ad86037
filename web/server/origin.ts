// Who may send a request that does something: pages of this origin, apps of the configured ones.
import { cors as connectCors } from "@connectrpc/connect";

/** As a browser describes where a request comes from. Looked up by lower-case name. */
export type RequestHeaders = Record<string, string | string[] | undefined>;

function one(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

/** Whether the request names the tier's own host: not a name that somebody else points here. */
export function isOwnHost(headers: RequestHeaders, origin: string): boolean {
  const { protocol, host } = new URL(origin);
  const given = (one(headers, ":authority") ?? one(headers, "host") ?? "").toLowerCase();
  const standard = protocol === "https:" ? ":443" : ":80";
  return given === host || given === `${host}${standard}`;
}

/** Whether one of our own pages sent it. Browsers send Origin with every POST; Sec-Fetch-Site where they
 *  know it. */
export function isSameOrigin(headers: RequestHeaders, origin: string): boolean {
  const site = one(headers, "sec-fetch-site");
  return one(headers, "origin") === origin && (site === undefined || site === "same-origin");
}

/** Whether a call of an app may go on: a page of a configured origin, or no page at all. */
export function isAppOrigin(headers: RequestHeaders, appOrigins: readonly string[]): boolean {
  const given = one(headers, "origin");
  // A browser that leaves Origin out of a POST still says that it is one.
  if (given === undefined) return one(headers, "sec-fetch-site") === undefined;
  return appOrigins.includes(given);
}

/** Headers with which an app's page may read the answer; none for others. `preflight`: of OPTIONS. */
export function corsHeaders(
  headers: RequestHeaders,
  appOrigins: readonly string[],
  preflight: boolean,
): Record<string, string> {
  const given = one(headers, "origin");
  if (given === undefined || !appOrigins.includes(given)) return { vary: "Origin" };
  const common = { vary: "Origin", "access-control-allow-origin": given };
  if (!preflight) {
    return {
      ...common,
      "access-control-expose-headers": [...connectCors.exposedHeaders, "x-request-id"].join(", "),
    };
  }
  return {
    ...common,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": [...connectCors.allowedHeaders, "authorization", "traceparent"].join(
      ", ",
    ),
    "access-control-max-age": "7200",
  };
}

/** Whether the browser only fetches ahead, and nobody has pressed anything. */
export function isPrefetch(headers: RequestHeaders): boolean {
  const purpose = `${one(headers, "sec-purpose") ?? ""},${one(headers, "purpose") ?? ""}`;
  return purpose.toLowerCase().includes("prefetch");
}

import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { expect, it } from "vitest";
import { Metrics, metricsServer } from "./metrics.ts";

it("the internal port tells life, readiness and figures, and nothing else", async () => {
  const metrics = new Metrics();
  metrics.collectProcess();
  metrics.calls.observe({ scope: "browser", method: "x", outcome: "OK" }, 0.01);
  let ready = true;
  const server = metricsServer(metrics, () => ready).listen(0, "127.0.0.1");
  await once(server, "listening");
  const get = async (path: string, method = "GET"): Promise<[number, string]> => {
    const port = (server.address() as AddressInfo).port;
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return [response.status, await response.text()];
  };
  expect(await get("/livez")).toEqual([200, "ok\n"]);
  expect(await get("/readyz")).toEqual([200, "ok\n"]);
  ready = false;
  expect(await get("/readyz")).toEqual([503, "draining\n"]);
  expect(await get("/livez")).toEqual([200, "ok\n"]);
  const [status, text] = await get("/metrics");
  expect(status).toBe(200);
  expect(text).toContain('musubi_web_calls_seconds_count{scope="browser",method="x",outcome="OK"} 1');
  expect(text).toContain("nodejs_eventloop_lag_p99_seconds");
  expect((await get("/"))[0]).toBe(404);
  expect((await get("/livez", "POST"))[0]).toBe(404);
  server.close();
});

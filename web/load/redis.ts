// A Redis of its own behind a password, on a free port of 127.0.0.1.
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { Child } from "../stage/child.ts";
import { freePorts } from "../stage/ports.ts";

export interface Redis {
  child: Child;
  /** What musubid has to be told. */
  flags: Record<string, string>;
}

export async function startRedis(directory: string): Promise<Redis> {
  const [port = 0] = await freePorts(1);
  const file = (name: string): string => path.join(directory, name);
  const password = randomBytes(16).toString("hex");
  await mkdir(file("redis"), { recursive: true });
  await writeFile(file("redis.password"), password, { mode: 0o600 });
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `requirepass ${password}`,
    `dir ${file("redis")}`,
    'save ""',
    "",
  ];
  await writeFile(file("redis.conf"), lines.join("\n"), { mode: 0o600 });
  const child = await Child.start(
    { name: "Redis", command: "redis-server", args: [file("redis.conf")], log: file("redis.log") },
    (started) => started.untilAccepts(port),
  );
  const flags = {
    session_store: "redis",
    redis_server: `127.0.0.1:${port}`,
    redis_password_file: file("redis.password"),
  };
  return { child, flags };
}

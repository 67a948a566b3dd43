import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { ArgumentError } from "../../errors.js";
import { serveFolder } from "../../node/serve-folder.js";
import { command, type FlagsOf, flag } from "../flags/flag.js";
import { count } from "../flags/parsers.js";

/** The page as it is built. */
const folder = join(import.meta.dirname, "../../playground");

const usualPort = 4173;
const mostPort = 65535;

const flags = [
  flag("--port <n>", {
    group: "Output",
    help: "port on this machine; 0 takes a free one",
    initially: String(usualPort),
    parse: count(0),
  }),
] as const;

/** `evenkeel play` */
export function playCommand(): Command {
  return command("play", {
    flags,
    examples: ["evenkeel play", "evenkeel play --port 8080"],
  }).action(async ({ port = usualPort }: FlagsOf<typeof flags>) => {
    if (port > mostPort) {
      const expected = `a port of at most ${mostPort}`;
      throw new ArgumentError({ where: "--port", expected, received: String(port), cure: "Pass a smaller one." });
    }
    if (!existsSync(join(folder, "index.html"))) {
      throw new ArgumentError({
        where: "play",
        expected: "the built page",
        received: `none in ${folder}`,
        cure: "Build it: npm run build.",
      });
    }
    const { server, address } = await serveFolder(folder, port).catch((cause: NodeJS.ErrnoException) => {
      throw new ArgumentError(
        {
          where: `--port ${port}`,
          expected: "a port that this process may listen on",
          received: cause.code === "EADDRINUSE" ? "one that another process uses" : cause.message,
          cure: "Pass another, or 0 for a free one.",
        },
        { cause },
      );
    });
    process.stdout.write(`the playground is at ${address} (Ctrl-C ends it)\n`);
    const close = (): void => {
      server.closeAllConnections();
      server.close();
    };
    process.once("SIGINT", close).once("SIGTERM", close);
  });
}

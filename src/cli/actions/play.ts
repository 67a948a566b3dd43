import { existsSync } from "node:fs";
import { join } from "node:path";
import { ArgumentError } from "../../errors.js";
import { serveFolder } from "../../node/serve-folder.js";
import type { PlayFlags } from "../commands/play.js";

/** The page as it is built. */
const folder = join(import.meta.dirname, "../../playground");

const mostPort = 65535;

/** What `evenkeel play` does. */
export async function play({ port }: PlayFlags): Promise<void> {
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
}

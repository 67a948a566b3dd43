import { createServer, type Server } from "node:http";
import { listenHere } from "./serve-folder.js";

/** Names by which this machine asks itself; a page from elsewhere whose name leads here has another. */
const ownHost = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/**
 * Serves one page, made anew for each request, on this machine alone (127.0.0.1), at a free port. It keeps no process
 * alive.
 *
 * @param page - makes the HTML; only one is made at a time, and whoever asks meanwhile gets the same
 */
export async function servePage(page: () => Promise<string>): Promise<{ server: Server; address: string }> {
  let making: Promise<string> | null = null;
  const server = createServer(({ method, url, headers }, response) => {
    const plain = { "Content-Type": "text/plain", "X-Content-Type-Options": "nosniff" };
    if (url !== "/" || !ownHost.test(headers.host ?? "")) {
      response.writeHead(404, plain).end("no such page\n");
      return;
    }
    if (method !== "GET" && method !== "HEAD") {
      response.writeHead(405, plain).end("GET only\n");
      return;
    }
    making ??= page().finally(() => {
      making = null;
    });
    making.then(
      (text) => {
        const type = { ...plain, "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" };
        response.writeHead(200, type).end(method === "HEAD" ? undefined : text);
      },
      (error) => response.writeHead(500, plain).end(`${error}\n`),
    );
  });
  const address = await listenHere(server, 0);
  server.unref();
  return { server, address };
}

import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { extname, join, relative, sep } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".bin": "application/octet-stream",
};

/** Isolates a page, so that its kernels may share memory among threads. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/**
 * Serves the files of a folder, and nothing else, on this machine alone (127.0.0.1). What a request names is looked up
 * in the list of these files, so that no path leads out of the folder.
 *
 * @param port - 0 takes a free one
 * @returns the server and its address; it rejects with the error of Node where the port is taken
 */
export async function serveFolder(folder: string, port: number): Promise<{ server: Server; address: string }> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(`/${relative(folder, path).split(sep).join("/")}`, path);
  }
  const server = createServer(({ method, url = "/" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const path = files.get(pathname === "/" ? "/index.html" : pathname);
    if (path === undefined || (method !== "GET" && method !== "HEAD")) {
      response.writeHead(path === undefined ? 404 : 405, { "Content-Type": "text/plain" }).end("no such page\n");
      return;
    }
    const type = types[extname(path)] ?? "application/octet-stream";
    response.writeHead(200, { ...isolation, "Content-Type": type, "X-Content-Type-Options": "nosniff" });
    response.end(method === "HEAD" ? undefined : readFileSync(path));
  });
  return { server, address: await listenHere(server, port) };
}

/** Lets a server listen on this machine alone. @returns its address */
export async function listenHere(server: Server, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const bound = server.address();
  return `http://localhost:${typeof bound === "object" && bound !== null ? bound.port : port}/`;
}

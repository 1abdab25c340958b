import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { EnvironmentError, fileError, InputError } from '../io/errors.ts';

const HOST = 'localhost';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.jsonl': 'application/x-ndjson; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
  '.jpg': 'image/jpeg',
  '.svg': 'image/svg+xml',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

/** A page served with these headers may share memory between threads. */
const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

export interface ServeOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** Path of the folder in the URL: `/some/path/`; the root by default. */
  readonly base?: string | undefined;
  /** Whether pages are cross-origin isolated, so that they can use threads; true by default. */
  readonly isolated?: boolean | undefined;
}

export interface Served {
  /** Ends with a slash. */
  readonly url: string;
  readonly port: number;
  /** Stops the server and aborts its responses. */
  close(): Promise<void>;
}

/**
 * Serves a folder's files to this machine only.
 * @throws InputError when the port is taken or forbidden, or the folder does not exist
 */
export async function serveFolder(folder: string, options: ServeOptions): Promise<Served> {
  const root = await realpath(folder).catch((error: unknown) => {
    throw fileError(error, `cannot serve ${folder}`);
  });
  const base = `/${(options.base ?? '').replace(/^\/+|\/+$/g, '')}/`.replace('//', '/');
  const isolation = options.isolated === false ? {} : ISOLATION;
  const headers = new Map(Object.entries({ ...isolation, 'cache-control': 'no-cache' }));
  const server = createServer((request, response) => {
    response.setHeaders(headers);
    answer(request, response, root, base).catch(() => response.destroy()); // the client has left, or the file is gone
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(portError(error, options.port)));
    server.listen(options.port, HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${port}${base}`,
    port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, root: string, base: string): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405, { allow: 'GET, HEAD' });
  const path = pathOf(request.url ?? '/');
  if (path === undefined) return end(response, 400);
  if (`${path}/` === base) return end(response, 301, { location: base });
  if (!path.startsWith(base)) return end(response, 404);
  const wanted = resolve(root, `.${sep}${path.slice(base.length)}`);
  const found = await realpath(wanted).catch(() => undefined);
  if (found === undefined || !(found === root || found.startsWith(root + sep))) return end(response, 404);
  const isFolder = (await stat(found)).isDirectory();
  if (!isFolder && path.endsWith('/')) return end(response, 404);
  if (isFolder && !path.endsWith('/')) return end(response, 301, { location: `${encodeURI(path)}/` });
  const file = isFolder ? join(found, 'index.html') : found;
  const stats = await stat(file).catch(() => undefined);
  if (!stats?.isFile()) return end(response, 404);
  response.writeHead(200, {
    'content-type': TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream',
    'content-length': stats.size,
  });
  if (request.method === 'HEAD') response.end();
  else await pipeline(createReadStream(file), response);
}

/** The decoded path of a URL; undefined if it is malformed. */
function pathOf(url: string): string | undefined {
  try {
    const path = decodeURIComponent(url.replace(/[?#].*/, ''));
    return path.startsWith('/') && !path.includes('\0') ? path : undefined;
  } catch {
    return undefined;
  }
}

function end(response: ServerResponse, status: number, headers: OutgoingHttpHeaders = {}): void {
  response.writeHead(status, { 'content-type': TYPES['.txt'], ...headers }).end(`${status}\n`);
}

function portError(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code === 'EADDRINUSE') return new InputError(`port ${port} is in use; choose another with --port`);
  if (error.code === 'EACCES') return new InputError(`port ${port} needs special rights; choose one from 1024 on`);
  return new EnvironmentError(`cannot serve on port ${port}: ${error.message}`, { cause: error });
}

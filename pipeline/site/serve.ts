import { realpath } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, resolve, sep } from 'node:path';
import send from 'send';
import { codeOf, EnvironmentError, fileError, InputError } from '../io/errors.ts';

const ADDRESSES = ['127.0.0.1', '::1'] as const;

/** Names of this machine. A page elsewhere whose own name was made to point here (DNS rebinding) sends that name. */
const HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;

/** Types that the list of IANA does not have. */
const TYPES: Readonly<Record<string, string>> = {
  '.jsonl': 'application/x-ndjson; charset=utf-8',
  '.npy': 'application/octet-stream',
  '.onnx': 'application/octet-stream',
};

const HEADERS = { 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' };

/** A page served with these headers may share memory between threads. */
const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
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
 * Serves a folder's files to this machine only, by IPv4 and IPv6.
 * @throws InputError when the port is taken or forbidden, or the folder does not exist
 */
export async function serveFolder(folder: string, options: ServeOptions): Promise<Served> {
  const root = await realpath(folder).catch((error: unknown) => {
    throw fileError(error, `cannot serve ${folder}`);
  });
  const base = `/${(options.base ?? '').replace(/^\/+|\/+$/g, '')}/`.replace('//', '/');
  const headers = new Map(Object.entries({ ...HEADERS, ...(options.isolated !== false && ISOLATION) }));
  const { servers, port } = await listen(options.port, (request, response) => {
    response.setHeaders(headers);
    answer(request, response, root, base).catch(() => response.destroy()); // the client has left, or the file is gone
  });
  return { url: `http://localhost:${port}${base}`, port, close: () => closeAll(servers) };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Listens on all addresses that this machine has, with the same port. */
async function listen(wanted: number, answer: Answer): Promise<{ servers: Server[]; port: number }> {
  const servers: Server[] = [];
  let port = wanted;
  let absent: unknown;
  for (const host of ADDRESSES) {
    const server = createServer(answer);
    try {
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    } catch (error) {
      absent = error;
      if (['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(codeOf(error) ?? '')) continue;
      await closeAll(servers);
      if (wanted === 0 && codeOf(error) === 'EADDRINUSE') return listen(0, answer); // free at one address only
      throw portError(error, wanted);
    }
    servers.push(server);
    ({ port } = server.address() as AddressInfo);
  }
  if (servers.length === 0) throw portError(absent, wanted);
  return { servers, port };
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
  for (const server of servers) server.closeAllConnections();
  await Promise.all(closed);
}

async function answer(request: IncomingMessage, response: ServerResponse, root: string, base: string): Promise<void> {
  const { method, headers, url = '' } = request;
  if (!HOST.test(headers.host ?? '')) return end(response, 403);
  if (method !== 'GET' && method !== 'HEAD') return end(response.setHeader('allow', 'GET, HEAD'), 405);
  const path = url.replace(/[?#].*/, '');
  if (`${path}/` === base) return redirect(response, base);
  const inside = path.startsWith(base) ? plainPath(path.slice(base.length)) : undefined;
  const found = inside === undefined ? undefined : await realpath(resolve(root, inside)).catch(() => undefined);
  if (found === undefined || !(found === root || found.startsWith(root + sep))) return end(response, 404);
  send(request, path.slice(base.length - 1), { root, cacheControl: false })
    .on('headers', (_: unknown, file: string) => {
      const type = TYPES[extname(file).toLowerCase()];
      if (type) response.setHeader('content-type', type);
    })
    .on('directory', () => redirect(response, `${path}/`))
    .on('error', ({ status }: { readonly status: number }) => end(response, status))
    .pipe(response);
}

/** A decoded path without empty parts, `.` and `..`, as browsers send it; undefined for another. */
function plainPath(encoded: string): string | undefined {
  try {
    const path = decodeURIComponent(encoded);
    return /(^|[/\\])\.{0,2}([/\\]|$)|[\\\0]/.test(path.replace(/\/$/, '') || 'index.html') ? undefined : path;
  } catch {
    return undefined;
  }
}

function redirect(response: ServerResponse, location: string): void {
  end(response.setHeader('location', location), 301);
}

function end(response: ServerResponse, status: number): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${status}\n`);
}

function portError(error: unknown, port: number): Error {
  if (codeOf(error) === 'EADDRINUSE') return new InputError(`port ${port} is in use; choose another with --port`);
  if (codeOf(error) === 'EACCES') return new InputError(`port ${port} needs special rights; choose one from 1024 on`);
  return new EnvironmentError(`cannot serve on port ${port}: ${(error as Error).message}`, { cause: error });
}

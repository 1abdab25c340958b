import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Served, serveFolder } from '../../pipeline/site/serve.ts';

/** A network: its rate in bytes per second, and the time from a request to the answer's first byte in milliseconds. */
interface Network {
  readonly rate: number;
  readonly latency: number;
}

/** Chrome's preset Fast 3G. */
export const FAST_3G: Network = { rate: 180_000, latency: 562.5 };

/** Milliseconds from one part of the answers to the next. */
const TURN = 20;
const TEXT = /\b(html|javascript|css|json|ndjson|svg)/;

/**
 * Serves a folder as hosts do: texts are compressed. Chrome's throttling does not reach workers, so a slow network is made
 * here: all answers share its rate.
 */
export async function serveLikeHosts(folder: string, network?: Network): Promise<Served> {
  const inner = await serveFolder(folder, { port: 0 });
  const sending: { readonly response: ServerResponse; rest: Uint8Array }[] = [];
  const outer = createServer((request, response) => {
    const answer = async () => {
      const began = performance.now();
      const found = await fetch(new URL(request.url ?? '', inner.url));
      const plain = new Uint8Array(await found.arrayBuffer());
      const compress = TEXT.test(found.headers.get('content-type') ?? '');
      const body = compress ? await promisify(gzip)(plain) : plain;
      for (const [name, value] of found.headers) response.setHeader(name, value);
      response.setHeader('content-length', body.length);
      if (compress) response.setHeader('content-encoding', 'gzip');
      response.statusCode = found.status;
      if (!network) return response.end(body);
      const left = network.latency - (performance.now() - began);
      return setTimeout(() => sending.push({ response, rest: body }), Math.max(0, left));
    };
    answer().catch(() => response.destroy());
  });
  const turns = setInterval(() => {
    let budget = ((network?.rate ?? 0) * TURN) / 1000;
    for (let count = sending.length; count > 0 && sending.length > 0; count--) {
      const next = sending.shift();
      if (!next) return;
      const part = next.rest.subarray(0, Math.ceil(budget / count));
      budget -= part.length;
      next.response.write(part);
      next.rest = next.rest.subarray(part.length);
      if (next.rest.length > 0) sending.push(next);
      else next.response.end();
    }
  }, TURN);
  await new Promise<void>((resolve) => outer.listen(0, '127.0.0.1', resolve));
  const { port } = outer.address() as AddressInfo;
  return {
    url: `http://localhost:${port}/`,
    port,
    async close() {
      clearInterval(turns);
      outer.closeAllConnections();
      await new Promise((resolve) => outer.close(resolve));
      await inner.close();
    },
  };
}

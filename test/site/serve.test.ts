import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { get, type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import { type Served, type ServeOptions, serveFolder } from '../../pipeline/site/serve.ts';
import { inputErrorOf, scratchFolder } from '../data/support.ts';

const scratch = scratchFolder();
mkdirSync(scratch('site/sub'), { recursive: true });
const FILES = {
  'index.html': ['<p>start', 'text/html; charset=utf-8'],
  'sub/index.html': ['<p>below', 'text/html; charset=utf-8'],
  'app.js': ['1', 'text/javascript; charset=utf-8'],
  'ort.mjs': ['2', 'text/javascript; charset=utf-8'],
  'ort.wasm': ['wasm', 'application/wasm'],
  'style.css': ['p {}', 'text/css; charset=utf-8'],
  'card.json': ['{}', 'application/json; charset=utf-8'],
  'metrics.jsonl': ['{}', 'application/x-ndjson; charset=utf-8'],
  'encoder.onnx': ['onnx', 'application/octet-stream'],
  'latents.npy': ['npy', 'application/octet-stream'],
  'SHEET.PNG': ['png', 'image/png'],
  'icon.svg': ['<svg/>', 'image/svg+xml'],
  'with space & é.txt': ['text', 'text/plain; charset=utf-8'],
} as const;
for (const [name, [content]] of Object.entries(FILES)) writeFileSync(scratch(`site/${name}`), content);
writeFileSync(scratch('secret.txt'), 'secret');
mkdirSync(scratch('site-2'));
writeFileSync(scratch('site-2/secret.txt'), 'secret');
symlinkSync(scratch('secret.txt'), scratch('site/link.txt'));

const running: Served[] = [];
afterAll(() => Promise.all(running.map((served) => served.close())));

async function serve(options: Partial<ServeOptions> = {}): Promise<Served> {
  const served = await serveFolder(scratch('site'), { port: 0, ...options });
  running.push(served);
  return served;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks for a path exactly as it is written, which fetch would tidy up. */
const ask = (port: number, path: string, method = 'GET', more: RequestOptions = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request({ host: 'localhost', port, path, method, ...more }, (response) => {
      text(response).then((body) => {
        resolve({ status: response.statusCode, headers: response.headers, body });
      }, reject);
    });
    asked.on('error', reject).end();
  });

test('files have the types that browsers expect, and pages may use threads', async () => {
  const { port, url } = await serve();
  expect(url).toBe(`http://localhost:${port}/`);
  for (const [name, [content, type]] of Object.entries(FILES)) {
    const { status, headers, body } = await ask(port, `/${encodeURIComponent(name).replace('%2F', '/')}?x=1`);
    expect({ status, body }).toEqual({ status: 200, body: content });
    expect(headers).toMatchObject({
      'content-type': type,
      'content-length': String(content.length),
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'x-content-type-options': 'nosniff',
    });
  }
  expect(await ask(port, '/')).toMatchObject({ status: 200, body: '<p>start' });
  expect(await ask(port, '/sub')).toMatchObject({ status: 301, headers: { location: '/sub/' } });
  expect(await ask(port, '/sub/')).toMatchObject({ status: 200, body: '<p>below' });
  expect(await ask(port, '/app.js', 'HEAD')).toMatchObject({
    status: 200,
    body: '',
    headers: { 'content-length': '1' },
  });
  expect(await ask(port, '/nothing')).toMatchObject({ status: 404 });
  expect(await ask(port, '/app.js', 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
});

test('serves below a path, without isolation on request', async () => {
  const { port, url } = await serve({ base: '/some/path', isolated: false });
  expect(url).toBe(`http://localhost:${port}/some/path/`);
  const found = await ask(port, '/some/path/card.json');
  expect(found).toMatchObject({ status: 200 });
  expect(Object.keys(found.headers).filter((name) => name.startsWith('cross-origin'))).toEqual([]);
  expect(await ask(port, '/some/path')).toMatchObject({ status: 301, headers: { location: '/some/path/' } });
  expect(await ask(port, '/some/path/')).toMatchObject({ status: 200, body: '<p>start' });
  expect(await ask(port, '/some/path/sub')).toMatchObject({ status: 301, headers: { location: '/some/path/sub/' } });
  for (const path of ['/', '/card.json', '/some/', '/some/pathcard.json']) {
    expect(await ask(port, path)).toMatchObject({ status: 404 });
  }
});

test('refuses paths outside the folder', async () => {
  const { port } = await serve();
  const paths = [
    ...['/../secret.txt', '/sub/../../secret.txt', '/../site-2/secret.txt', '//secret.txt', '/link.txt'],
    ...['/%2e%2e/secret.txt', '/..%2fsecret.txt', '/sub/..%2f..%2fsecret.txt', '/..%5csecret.txt'],
    ...['/app.js%00.txt', '/%', '/app.js/', `/${'a'.repeat(5000)}`],
  ];
  for (const path of paths) {
    const { status, body } = await ask(port, path);
    expect([400, 404], path).toContain(status);
    expect(body).toBe(`${status}\n`);
  }
  expect(await ask(port, '/card.json')).toMatchObject({ status: 200 });
});

test('redirects stay on the server', async () => {
  const { port } = await serve();
  const paths = [
    '//evil.example/%2e%2e',
    '//evil.example',
    '/\\evil.example/..',
    '/sub/..',
    '//sub',
    '/.//evil.example/..',
  ];
  for (const path of paths) {
    const { status, headers } = await ask(port, path);
    expect({ status, location: headers.location }, path).toEqual({ status: 404, location: undefined });
  }
});

test('answers only to names of this machine', async () => {
  const { port } = await serve();
  const statusFor = async (host: string) => (await ask(port, '/card.json', 'GET', { headers: { host } })).status;
  for (const host of ['localhost', `localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, 'LOCALHOST:1']) {
    expect(await statusFor(host), host).toBe(200);
  }
  for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example']) {
    expect(await statusFor(host), host).toBe(403);
  }
});

test('is there by IPv4 and IPv6', async () => {
  const { port } = await serve();
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  for (const host of ['127.0.0.1', '::1'].filter((one) => own.some(({ address }) => address === one))) {
    expect(await ask(port, '/card.json', 'GET', { host })).toMatchObject({ status: 200 });
  }
});

test('gives parts of files, and nothing where the client has the file', async () => {
  const { port } = await serve();
  const part = (range: string, more = {}) => ask(port, '/index.html', 'GET', { headers: { range, ...more } });
  const { headers } = await ask(port, '/index.html');
  const { etag = '', 'last-modified': modified = '' } = headers;
  expect(headers['accept-ranges']).toBe('bytes');
  for (const [range, body, where] of [
    ['bytes=0-2', '<p>', '0-2/8'],
    ['bytes=0-0', '<', '0-0/8'],
    ['bytes=3-', 'start', '3-7/8'],
    ['bytes=-5', 'start', '3-7/8'],
    ['bytes=6-99', 'rt', '6-7/8'],
  ] as const) {
    const answer = await part(range);
    expect(answer, range).toMatchObject({ status: 206, body, headers: { 'content-range': `bytes ${where}` } });
    expect(answer.headers['content-length']).toBe(String(body.length));
  }
  expect(await part('bytes=8-')).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */8' } });
  for (const range of ['bytes=0-1,4-5', 'lines=1-2']) {
    expect(await part(range), range).toMatchObject({ status: 200, body: '<p>start' });
  }
  expect(await part('bytes=0-2', { 'if-range': '"another"' })).toMatchObject({ status: 200, body: '<p>start' });
  for (const known of [{ 'if-none-match': etag }, { 'if-modified-since': modified }]) {
    expect(await ask(port, '/index.html', 'GET', { headers: known })).toMatchObject({ status: 304, body: '' });
  }
  const stale = { 'if-none-match': '"another"' };
  expect(await ask(port, '/index.html', 'GET', { headers: stale })).toMatchObject({ status: 200, body: '<p>start' });
});

test('refuses a port in use and a missing folder', async () => {
  const { port } = await serve();
  expect(await inputErrorOf(serve({ port }))).toBe(`port ${port} is in use; choose another with --port`);
  expect(await inputErrorOf(serveFolder(scratch('nowhere'), { port: 0 }))).toContain('no such file or folder');
});

test('closing stops the server while a client is connected', async () => {
  const served = await serveFolder(scratch('site'), { port: 0 });
  const connection = get(served.url, { agent: false, headers: { connection: 'keep-alive' } });
  await new Promise((resolve) => connection.on('response', resolve));
  connection.on('error', () => {});
  await served.close();
  await expect(ask(served.port, '/')).rejects.toThrow(/ECONNREFUSED/);
});

/*
 * Keeps what the page has fetched, so that it opens offline. Files of the build have names that change with their content and
 * come from the cache; all others come from the network while there is one, so that updates are picked up.
 */
const NAME = 'convae';
const BUILT = new URL('assets/', self.registration.scope).href;
const isBuilt = (url) => url.startsWith(BUILT);

/** Keeps a file. A new page comes with new files of the build, so the former ones are dropped. */
async function keep(cache, request, response) {
  if (response.status !== 200) return;
  if (request.mode === 'navigate') {
    const former = await cache.match(request, { ignoreSearch: true });
    if (former && (await former.text()) !== (await response.clone().text())) {
      const keys = await cache.keys();
      await Promise.all(keys.filter(({ url }) => isBuilt(url)).map((key) => cache.delete(key)));
    }
  }
  await cache.put(request, response);
}

async function answer(event) {
  const { request } = event;
  const cache = await caches.open(NAME);
  const kept = await cache.match(request, { ignoreSearch: request.mode === 'navigate' });
  if (kept && isBuilt(request.url)) return kept;
  try {
    const response = await fetch(request);
    event.waitUntil(keep(cache, request, response.clone()).catch(() => undefined)); // the disk may be full
    return response;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  if (method === 'GET' && new URL(url).origin === self.location.origin) event.respondWith(answer(event));
});
/** What the page had fetched before this worker was there. */
self.addEventListener('message', (event) => {
  const missing = async (url) => {
    const cache = await caches.open(NAME);
    if (await cache.match(url)) return;
    const response = await fetch(url, { cache: 'force-cache' });
    if (response.status === 200) await cache.put(url, response);
  };
  const urls = event.data.filter((url) => new URL(url).origin === self.location.origin);
  const done = Promise.all(urls.map((url) => missing(url).catch(() => undefined)));
  event.waitUntil(done.then(() => event.ports[0]?.postMessage(null)));
});

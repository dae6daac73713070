// Service worker of the offline app: stores its files, so that the page opens without a connection.
// The build writes files.js, which sets FILES: { version, core: [...], later: [...] }.

importScripts("files.js");

const CACHE = `number_prediction ${self.FILES.version}`;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(self.FILES.core)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => self.clients.claim()));
});

async function forgetOthers() {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith("number_prediction ") && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
}

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method === "GET" && address.origin === self.location.origin) event.respondWith(answer(event.request));
});

/** Answer from the cache, or else from the network; store what belongs to the app. */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
  if (kept) return kept;
  const response = await fetch(request);
  const belongs = self.FILES.later.some((file) => new URL(file, self.location).href === request.url);
  if (response.ok && belongs) await cache.put(request, response.clone());
  return response;
}

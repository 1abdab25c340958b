import { Host } from '../engine/client.ts';
import type { Provider } from '../engine/protocol.ts';

/** The running workers, one for each provider. */
const hosts = new Map<Provider, Promise<Host>>();

/** Size of the library that a new worker downloads, in bytes. */
export const libraryBytes = (provider: Provider): number => (provider === 'webgpu' ? WEBGPU_BYTES : WASM_BYTES);

/** Whether a worker is running. */
export const isRunning = (provider: Provider): boolean => hosts.has(provider);

/** The running worker, or a new one. @throws Error */
export function hostFor(provider: Provider, onBytes: (bytes: number) => void): Promise<Host> {
  const running = hosts.get(provider);
  if (running) return running;
  const made = Host.start(provider, onBytes);
  register(provider, made);
  return made;
}

/**
 * Starts a separate worker for files that cannot be trusted. Where that fails (the network is down), returns the running
 * worker.
 * @throws Error
 */
export async function separateHost(provider: Provider, onBytes: (bytes: number) => void): Promise<Host> {
  try {
    return await Host.start(provider, onBytes);
  } catch (error) {
    const running = hosts.get(provider);
    if (!running) throw error;
    return running;
  }
}

/** Milliseconds that a replaced worker may still answer pending calls. */
const GRACE = 5000;

/** Makes a worker the running one, and ends the previous one. */
export async function replaceHost(host: Host): Promise<void> {
  const before = hosts.get(host.provider);
  const previous = await before?.catch(() => undefined);
  if (previous === host) return;
  register(host.provider, Promise.resolve(host));
  if (previous) setTimeout(() => previous.end(), GRACE);
}

/** Ends a worker that was started separately. */
export async function endUnlessRunning(host: Host): Promise<void> {
  if ((await hosts.get(host.provider)?.catch(() => undefined)) !== host) host.end();
}

/** Ends all running workers. */
export async function endHosts(): Promise<void> {
  const running = [...hosts.values()];
  hosts.clear();
  // A worker that is still waiting for the network is ended as soon as it has started.
  for (const host of running) void host.then((host) => host.end()).catch(() => undefined);
}

function register(provider: Provider, made: Promise<Host>): void {
  hosts.set(provider, made);
  const forget = () => {
    if (hosts.get(provider) === made) hosts.delete(provider);
  };
  made.then(({ over }) => over.then(forget), forget);
}

/**
 * Specs of tfjs-core that fail although calls which cannot be part of a graph run on tfjs's `cpu` backend: by name, with
 * the reason.
 */
export const knownFailures: Readonly<Record<string, string>> = {};

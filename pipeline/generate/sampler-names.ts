/** Where codes to decode come from. */
export const samplerNames = ['prior', 'mixture', 'interpolation'] as const;
export type SamplerName = (typeof samplerNames)[number];

/** The parts that models are made of. A model in a user's own file imports them as `convae/models`. */
export * from './kit/chain.ts';
export * from './kit/clusters.ts';
export * from './kit/deterministic.ts';
export * from './kit/group-norm.ts';
export * from './kit/layers.ts';
export * from './kit/losses.ts';
export * from './kit/model.ts';
export * from './kit/residual.ts';
export * from './kit/ssim.ts';
export * from './kit/start.ts';
export * from './kit/suit.ts';
export * from './kit/trunk.ts';
export * from './kit/up-conv.ts';
export * from './kit/variational.ts';

/** The parts that models are made of. A model in a user's own file imports them as `convae/models`. */
export * from './kit/deterministic.ts';
export * from './kit/layers.ts';
export * from './kit/losses.ts';
export * from './kit/model.ts';
export * from './kit/trunk.ts';
export * from './kit/variational.ts';

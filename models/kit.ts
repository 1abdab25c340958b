/** What models are made of; a model in a file of its own imports it as `convae/models`. */
export * from './code.ts';
export * from './deterministic.ts';
export * from './layers.ts';
export * from './losses.ts';
export * from './model.ts';
export * from './trunk.ts';
export * from './variational.ts';

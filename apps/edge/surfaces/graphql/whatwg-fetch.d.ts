/**
 * Stands for the types of `@whatwg-node/fetch` (tsconfig, `paths`): its own pull in those of a browser
 * (`lib="dom"`), and would do so for the whole project. Its code is not touched.
 */
export declare function createFetch(options?: unknown): typeof globalThis

// What the build puts in place of a name.

/** True only in builds for tests; production builds drop every branch behind it. */
declare const __FAILPOINTS__: boolean

// The one part of WebAssembly that is used; Node's types leave it to the browser's.
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer }
}

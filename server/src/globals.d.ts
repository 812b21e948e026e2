// What the build puts in place of a name.

/** True only in builds for tests; production builds drop every branch behind it. */
declare const __FAILPOINTS__: boolean

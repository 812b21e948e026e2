// One environment variable, for whoever reads it and whoever sets it.
export type Setting = {
  name: string
  /** As it would be written; empty = none. */
  default: string
  /** The form of its values, for people. */
  values: string
  meaning: string
}

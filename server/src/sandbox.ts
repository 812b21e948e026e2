// Whether the sandbox is on. It draws pictures that look paid for, so it must never be on where somebody could
// take it for the real service: any sign of production switches the automatic one off.

/** What the configuration says about it. */
export type SandboxSigns = {
  setting: 'auto' | 'on' | 'off'
  hasPaymentKey: boolean
  /** PUBLIC_URL is unset or names this machine. */
  isLocal: boolean
  /** Whether callers may order the built-in model outside the sandbox. */
  builtIn: 'auto' | 'on' | 'off'
}

/** With the names of the providers that have a key, the built-in one not among them. */
export type SandboxFacts = SandboxSigns & { providers: readonly string[] }

export type SandboxState = {
  on: boolean
  /** Why, in a sentence for the operator. */
  reason: string
  /** Something the operator probably did not intend; logged at start and shown by doctor. */
  warning: string | null
}

/** As it stands now: the first key switches the automatic one off, whenever it comes. */
export function decideSandbox(facts: SandboxFacts): SandboxState {
  const { providers, hasPaymentKey, isLocal } = facts
  if (facts.setting === 'off') {
    const nothing =
      providers.length === 0 ? 'No provider has a key, so at most the built-in model is offered.' : null
    return { on: false, reason: 'DARKROOM_SANDBOX is off.', warning: nothing }
  }
  if (facts.setting === 'on') {
    const earnest = providers.length > 0 || hasPaymentKey || !isLocal
    const warning =
      'The sandbox is forced on in what looks like a real installation: nothing reaches a provider.'
    return { on: true, reason: 'DARKROOM_SANDBOX is on.', warning: earnest ? warning : null }
  }
  if (providers.length > 0) {
    return { on: false, reason: `Providers have a key: ${providers.join(', ')}.`, warning: null }
  }
  const cause = hasPaymentKey ? 'STRIPE_SECRET_KEY is set' : isLocal ? null : 'PUBLIC_URL is not this machine'
  if (cause === null) {
    return { on: true, reason: 'No provider has a key, and only this machine is served.', warning: null }
  }
  return {
    on: false,
    reason: `${cause}.`,
    warning: `No provider has a key and the sandbox stays off because ${cause}: at most the built-in model is offered. Set a provider's key, or DARKROOM_SANDBOX=on to rehearse.`,
  }
}

/** What the catalogue offers under these facts. */
export function decideStanding(facts: SandboxFacts): { sandbox: boolean; withoutBuiltIn: boolean } {
  return { sandbox: decideSandbox(facts).on, withoutBuiltIn: !isBuiltInOffered(facts) }
}

/**
 * Whether callers may order the built-in model by its name. It costs no credits and a core: where there are real models
 * to sell and strangers to buy them it is a present that nobody meant to give.
 */
export function isBuiltInOffered({ builtIn, providers, hasPaymentKey, isLocal }: SandboxFacts): boolean {
  if (builtIn !== 'auto') return builtIn === 'on'
  return providers.length === 0 || (isLocal && !hasPaymentKey)
}

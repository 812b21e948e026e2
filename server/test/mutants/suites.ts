// A mutant for each suite of races, load, journeys and conformance that no other mutant meets: they run in seconds,
// each against the one test of its suite that must see it.
import type { Mutant } from './mutants.ts'

export const suiteMutants: Mutant[] = [
  {
    name: 'a grant leaves the debt as it is',
    file: 'test/ledger-model.test.ts',
    test: 'the ledger equals a ledger on paper after every command',
    functions: [{ function: 'grant_credits', from: 'IF v_repaid > 0 THEN', to: 'IF v_repaid < 0 THEN' }],
  },
  {
    name: 'one payment is granted as often as it is told',
    file: 'test/races/wallet.test.ts',
    test: 'of one payment is given once, whichever accounts ask for it',
    statements: ['DROP INDEX transfer_one_payment'],
  },
  {
    name: 'a cancel ends whatever the order has come to',
    file: 'test/races/schedules.test.ts',
    test: 'every interleaving of taking, settling, canceling and reaping keeps the books',
    functions: [
      {
        function: 'settle_released',
        from: 'AND g.state = ANY (p_from) RETURNING',
        to: "AND (g.state = ANY (p_from) OR p_state = 'canceled') RETURNING",
      },
    ],
  },
  {
    name: 'a wallet gives what it has not',
    file: 'test/races/orders.test.ts',
    test: 'are never overspent by parallel orders at three processes',
    functions: [
      {
        function: 'create_generation',
        from: 'SET available = a.available - v_price,',
        to: 'SET available = greatest(a.available - v_price, 0),',
      },
      { function: 'create_generation', from: 'AND a.available >= v_price AND', to: 'AND' },
    ],
  },
  {
    name: 'an image that did not come is charged',
    file: 'test/races/replays.test.ts',
    test: 'an order of four is charged for the images that came, from none to four',
    functions: [
      {
        function: 'settle_succeeded',
        from: 'least(p_delivered, g.count)',
        to: 'least(p_delivered + 1, g.count)',
      },
    ],
  },
  {
    name: 'who hangs up takes the order from its worker',
    file: 'test/races/callers.test.ts',
    test: 'after 50 % of the work',
    source: [
      {
        file: 'src/generations/order.ts',
        from: 'if (wait.signal.aborted) {',
        to: `if (wait.signal.aborted) {
    await needs.db.query({ name: 'left', text: 'UPDATE generation SET epoch = epoch + 1 WHERE id = $1' }, [generation.id])`,
      },
    ],
  },
  {
    name: 'one more may be in flight than the cap says',
    file: 'test/races/limits.test.ts',
    test: 'round 1: takes exactly 5 of 200 parallel orders',
    functions: [
      { function: 'create_generation', from: 'AND in_flight < p_caps[i]', to: 'AND in_flight <= p_caps[i]' },
      { function: 'create_generation', from: 's.in_flight < p_caps[i]', to: 's.in_flight <= p_caps[i]' },
    ],
  },
  {
    name: 'the queue has no bound',
    file: 'test/overload.test.ts',
    test: 'a burst fills the workers and the queue to their bounds and no further',
    source: [
      {
        file: 'src/generations/queue.ts',
        from: 'isFull: () => depth + arriving >= bound',
        to: 'isFull: () => depth + arriving >= 50 * bound',
      },
    ],
  },
  {
    name: 'a field without a value is left out of the answer',
    file: 'test/conformance/getimages-generate.test.ts',
    test: 'answers with the image, its charge and the balance, and reads back the same',
    source: [
      {
        file: 'src/dialects/getimages/present.ts',
        from: "thinkingLevel === 'deep' ? thinkingLevel : null",
        to: "thinkingLevel === 'deep' ? thinkingLevel : (undefined as unknown as null)",
      },
    ],
  },
  {
    name: 'readiness does not mind the storage',
    file: 'test/journeys.test.ts',
    test: 'machines that watch see readiness, what is wrong with it, and metrics that count',
    source: [
      {
        file: 'src/http/health.ts',
        from: 'if (!checked.ok) throw new Error(checked.message)',
        to: 'if (!checked.ok) return',
      },
    ],
  },
]

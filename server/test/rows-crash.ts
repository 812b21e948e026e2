// The part of rows.ts for the crash table of the plan.

export const crashRows: Record<string, string[]> = {
  // A process killed at each point of the crash table; the failpoints name the points.
  'C0 before T1 commits': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
  ],
  'C1 acknowledgement of T1 lost': [
    'database: an order whose acknowledgement is lost is taken once, whether it was committed or not',
  ],
  'C2 after T1, before the answer': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
  ],
  'C3 after T2, before the first byte': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
  ],
  'C4 bytes sent, no answer': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
    'modes: all repeats of a create carry one key, and the upstream bills it once',
  ],
  'C5 accepted, reference not saved': [
    'modes: a task accepted whose handle was lost is released to the customer and booked to the operator',
    'upstream webhooks: a task whose create was never answered is known by its webhook, and sold',
    'replicate orders: is known again by its webhook when the process that waited for the create has died',
  ],
  'C6 reference saved': ['modes: a task whose handle is stored is polled on by another node and paid once'],
  'C7 image bytes in memory only': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
  ],
  'C8 objects stored, manifest not': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
    'storage: storage that does not answer the reconciler is asked again, and a picture that is there is sold',
    'bucket: keeps no stored picture from being sold when it is back',
  ],
  'C9 manifest stored, T6 not committed': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
  ],
  'C10 T6 committed, answer not sent': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
  ],
  'C11 outbox written, webhook not sent': [
    'webhook crashes: who dies after the settlement, before anything is sent leaves the delivery to the next one, under one id',
  ],
  'C12 webhook delivered, not marked': [
    'webhook crashes: who dies with a delivery sent and not written down leaves the delivery to the next one, under one id',
  ],
  'C13 a worker stalls past its lease and returns': [
    'stale: a worker that slept past its lease settles nothing, and nothing is settled twice',
    'failpoints: after hang at any point of the money path the books hold and a retry finds the same order',
  ],
  'C14 database restart at any moment': [
    'database: a database that dies under load kills no process, and callers see at worst 503',
    'kill loop: under kills every order ends once and is paid once (seed 1)',
  ],
  'C15 reaper or reconciler dies': [
    'failpoints: after kill at any point of the money path the books hold and a retry finds the same order',
    'kill loop: under kills every order ends once and is paid once (seed 1)',
  ],
}

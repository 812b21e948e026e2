// Named places on the money path where a test may kill, throw or hang. Production builds compile every use out:
// write `if (__FAILPOINTS__) await fp('name')`. A new await on the money path needs a name on each side.

export const failpoints = [
  'T1.before',
  'T1.after',
  'T2.before',
  'T2.after',
  'submit.before',
  'submit.after',
  'receive.before',
  'receive.after',
  'T3.before',
  'T3.after',
  'parts.before',
  'parts.after',
  'T4.before',
  'T4.after',
  'T5.before',
  'T5.after',
  'manifest.before',
  'manifest.after',
  'T6.before',
  'T6.after',
  'T7.before',
  'T7.after',
  'T9.before',
  'T9.after',
  'reconcile.before',
  'reconcile.after',
  'T10.before',
  'T10.after',
  'T11.before',
  'T11.after',
  'poll.before',
  'poll.after',
  'cancel.before',
  'cancel.after',
  // What comes behind it is the answer, which is no part of the path.
  'answer.before',
] as const
/** Off the money path: before a webhook or a letter is sent, and before what came of it is written down. */
export const deliveryFailpoints = ['webhook.before', 'webhook.after', 'mail.before', 'mail.after'] as const
export type Failpoint = (typeof failpoints)[number]
type AnyFailpoint = Failpoint | (typeof deliveryFailpoints)[number]

const known: readonly string[] = [...failpoints, ...deliveryFailpoints]

type Action = { name: AnyFailpoint; nth: number; act: 'kill' | 'throw' | 'hang'; hangMs: number }

let actions: Action[] = []
/** Whoever hangs until other failpoints are armed. */
const held: (() => void)[] = []
const seen = new Map<AnyFailpoint, number>()

/**
 * Reads `name:nth:kill|throw|hang:ms`, several separated by commas; nth 0 = every time. Without `ms` a hang ends when
 * failpoints are armed anew.
 */
export function armFailpoints(spec: string): void {
  seen.clear()
  for (const goOn of held.splice(0)) goOn()
  actions = spec.split(',').flatMap(part => {
    const [name, nth, act, hangMs] = part.trim().split(':')
    if (!name) return []
    if (!known.includes(name)) throw new Error(`unknown failpoint ${name}`)
    if (act !== 'kill' && act !== 'throw' && act !== 'hang')
      throw new Error(`unknown failpoint action ${act}`)
    return [{ name: name as AnyFailpoint, nth: Number(nth), act, hangMs: Number(hangMs ?? 0) }]
  })
}

export class FailpointError extends Error {
  override name = 'FailpointError'
}

export async function fp(name: AnyFailpoint): Promise<void> {
  if (actions.length === 0) return
  const count = (seen.get(name) ?? 0) + 1
  seen.set(name, count)
  const action = actions.find(each => each.name === name && (each.nth === 0 || each.nth === count))
  if (!action) return
  // Written at once, so that a test can tell that its point was reached, even by a process about to die.
  process.stdout.write(`failpoint ${name} fired\n`)
  if (action.act === 'kill') process.kill(process.pid, 'SIGKILL')
  if (action.act === 'throw') throw new FailpointError(`failpoint ${name}`)
  const { hangMs } = action
  await new Promise<void>(resolve => (hangMs > 0 ? setTimeout(resolve, hangMs) : held.push(resolve)))
}

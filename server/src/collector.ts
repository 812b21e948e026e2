// How V8's collector is set up for a process that holds many exchanges at once.
import { setFlagsFromString } from 'node:v8'

/**
 * Nothing is put into the old generation before it has lived. V8 would do so with what was often seen alive, and what
 * belongs to calls is seen alive whenever the collector runs among a hundred of them: dead at once, it then stays until
 * a full collection, with all that it points to. To be called before there are calls.
 */
export function collectYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

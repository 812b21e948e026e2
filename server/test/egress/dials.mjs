// Loaded before everything else in the processes of an inner run: notes every address that a socket is told to go to,
// one a line in DIALS_FILE, whoever opened it.
import { appendFileSync } from 'node:fs'
import { Socket } from 'node:net'

const { connect } = Socket.prototype
const file = process.env.DIALS_FILE ?? ''

Socket.prototype.connect = function noted(...args) {
  this.on('connectionAttempt', address => appendFileSync(file, `${address}\n`))
  return connect.apply(this, args)
}

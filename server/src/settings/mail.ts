// Settings of the mail server that letters to accounts are handed to.
import type { Setting } from './setting.ts'

export const mailing: Setting[] = [
  {
    name: 'SMTP_URL',
    default: '',
    values: 'smtp or smtps URL',
    meaning:
      'The mail server that takes letters to accounts, such as `smtp://user:password@mail.example.com:587` (STARTTLS, required) or `smtps://…` (TLS from the first byte, port 465); user and password percent-encoded. `?tls=off` at the end of an `smtp:` address without a password: no TLS, for a server on the same machine. Its host is trusted, also when it is private. Unset: nobody is told by mail.',
  },
  {
    name: 'MAIL_FROM',
    default: '',
    values: 'address',
    meaning:
      'The sender, such as `Darkroom <noreply@images.example.com>`; an address that the server may send for. Needed with `SMTP_URL`.',
  },
]

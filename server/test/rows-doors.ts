// Where the promises on doors are proved: the way out, pictures, keys, payments and signing in. Part of rows.ts, which
// says how to read it.

export const doorRows: Record<string, string[]> = {
  // The way out.
  'S-1 no literal form reaches us': [
    'references: in whatever form it is written',
    'references: nor when an upstream or the operator names it',
    'refusals: no form of a loopback address is reached, whoever but the operator wrote it',
    'addresses: a private IPv4 address stays refused inside every IPv6 form that can carry it',
  ],
  'S-2 every resolved address is checked at connect': [
    'refusals: no form of a loopback address is reached, whoever but the operator wrote it',
    'refusals: a connection that ends up elsewhere than the address checked is dropped before a byte is written',
  ],
  'S-3 rebinding fails': [
    'references: nor by a name that means something else a moment later',
    'refusals: a name whose address flips is resolved once per request, and the address checked is the one dialled',
  ],
  'S-4 redirects are not followed': [
    'references: nor by a redirect',
    'outbound: redirects are handed back and never followed',
    'contract: never follows a redirect with the key',
  ],
  'S-5 one URL, parsed once': [
    'references: nor by a parser that reads another host out of it',
    'target: credentials and text that is no URL are refused, and what parsers disagree on is judged as it is used',
  ],
  'S-6 cloud names and special addresses are refused': [
    'references: of clouds, of this machine and of ourselves',
    'target: names of the inside, of clouds and of ourselves are refused before any look-up',
    'addresses: no special address and no half-written one counts as public',
  ],
  'S-7 ports and schemes': [
    'references: on other ports, or by other schemes',
    'target: beyond those only https on 443 and the configured ports is asked for',
  ],
  'S-8 fetches are bounded': [
    'references: in bytes, whether they are stated or not, packed or not',
    'references: in time, before the headers, within the body, and over all pictures of an order',
    'references: whatever it is declared to be: the bytes decide',
  ],
  'S-9 errors leak nothing': [
    'references: a closed, an open and a filtered port of the inside cannot be told apart',
    'orders with pictures: tells the same of every address that it may not or cannot reach',
  ],
  'S-10 pooled sockets and proxies are no side door': [
    'connections: no connection is kept for any other target',
    'refusals: proxy variables are no way around the checks, nor into them',
  ],
  'S-11 checked again at use': [
    'webhook crashes: an address that was allowed when the webhook was made is judged again at every attempt',
  ],
  'S-12 egress is closed behind it all': [
    'egress: of all that the suites of the way out ask for no packet leaves this machine, and every socket stays on it',
    'egress: an address elsewhere that is asked for past the checks is seen by both ways of counting',
  ],
  // Images.
  'M-1 decompression bombs are refused before decoding': [
    'inputs: thirty at once, in little time and memory',
    'probe: impossible and exhausting sizes are refused from the header alone',
  ],
  'M-2 only png, jpeg and webp decoders exist': [
    'inputs: nothing else is taken, whatever it is called',
    'inputs: libvips itself has no other decoder left in this process',
    'probe: what is no png, jpeg or webp is refused by its first bytes',
  ],
  'M-3 stored inputs are re-encoded': [
    'inputs: tails, comments, text chunks, profiles, EXIF and GPS are gone',
  ],
  'M-4 EXIF and GPS never leave': ['inputs: tails, comments, text chunks, profiles, EXIF and GPS are gone'],
  'M-5 orientation is applied before stripping': [
    'inputs: every orientation is applied before it is forgotten, pixel by pixel',
  ],
  'M-6 decoders survive fuzzing': [
    'fuzz: damaged files are refused or taken, and next to none ends the process that decodes them',
    'fuzz: inputs that coverage leads to are refused or taken, and next to none ends the process',
    'probe: whatever the bytes, nothing but ImageRejected is ever thrown',
  ],
  'M-7 presigned uploads cannot be abused': [
    'gptimage2: of uploads: names, types, sizes; and what is sent must be what was announced',
    'orders with pictures: is written once, with the type and length announced, at an address that ends',
    'orders with pictures: is of use to its own account alone, and looks unknown to any other, as does one never sent',
    'orders with pictures: serves two orders at once and more later, each with the same checked picture',
    'bucket: goes straight to the bucket, is taken once, and what is written there later changes nothing',
    's3: an upload address takes the announced type and length and nothing else',
    's3: an upload address ends',
    'uploads: an address works until its last second and not after, whatever else is right',
    'uploads: never sent is gone after a day, sent after thirty, unless saved or just used',
  ],
  'M-8 served images cannot run script': [
    'surface: an image cannot run script, whatever part of it is asked for',
    'native: are the ones promised: type, size, digest, dimensions; private to the account',
    'files: is the origin of links, and under its host nothing but files is answered',
  ],
  'M-9 signed URLs hold': [
    'files: opens nothing once a letter, the index, the format or the method is another',
    'files: opens until its end, is kept by the caller alone, and is refused with anything changed',
    'files: no token and no signature reaches the log',
    'links: is refused with any letter of signature or end changed',
    'getimg downloads: opens nothing with any part of it changed, by another method, or made with another secret',
    'getimg downloads: no signature reaches the log',
  ],
  'M-10 deletion is real': [
    'deletion: takes every object and every word of the caller; the books, the key and the row stay',
    'files: show signed links until then; from then on nothing is shown or read, and the sweep takes the bytes',
    'getimg downloads: is refused from its second on though the sweep is late; the sweep then takes the bytes',
    'native verbs: removes the generation from every read, and its files',
  ],
  // API keys.
  'K-1 keys are recognisable and checkable offline': [
    'keys: 10,000 keys have their style, at least 160 random bits, and never repeat',
    'keys: 10,000 typing mistakes of one letter are refused without a query',
  ],
  'K-2 only a SHA-256 at rest, shown once': [
    'admission: the secret is nowhere in the database, and lists show its beginning only',
    'secrets: no secret that was handed out or configured stands in the database, the logs or any answer',
  ],
  'K-3 the look-up cannot be injected or timed': [
    'keys: hostile credentials are refused without a query',
    'getimages refusals: missing, malformed, unknown, revoked and expired ones all get the very same 401',
    'key timing: the look-up of a text that begins as a live key does takes as long as that of any other',
  ],
  'K-4 one door for every way to send a credential': [
    'surface: no route of the document answers without a key, or to anything else than one',
    'getimages refusals: a key without the scope is no key for this',
    'open: there is one way, the Authorization header; the mutant comes with the second',
  ],
  'K-5 revocation and expiry act at once on all nodes': [
    'admission: a revoked key is refused at once on every node, 200 times of 200',
    'orders: a revoked key is refused at once by every process',
  ],
  'K-6 scopes, spend cap, model allow-list': [
    'native: have a text and a stable code',
    'spend caps: for a day is never passed by parallel orders, and is told apart from an empty wallet',
    'spend caps: takes back what failed, what was delivered in part and what was refunded',
    'spend caps: a refusal of the second cap leaves no trace in the first',
    'spend caps: a reached cap is said in the words of every dialect, and nothing is held',
    'spend caps: every counter is what the orders that name it hold and have spent',
    'key models: $name: orders these, and any other is refused before anything is held',
    'key models: the gptimage2 API has one model, which the key must be for',
    'key models: sees these models alone in every list that is read with it',
    'key models: is for others from the next request on, on every node, and a repeat still shows its order',
  ],
  'K-7 last-used is cheap and true': [
    'last used: 60,000 uses of a key within a minute cost one write, and the next comes a minute later',
  ],
  'K-8 leaked keys are found': [
    'key scan: of 20 real keys and 200 fakes the 20 are found, wherever a piece ends',
    'commands: keys scan names every key by its place, never whole, and fails where there is one',
    'reported keys: a key that is shown is refused from then on by every process, its owner is told why, and nobody the secret',
    'reported keys: the answer is one and the same for a live key, a revoked one, one that never was and what is none',
    'reported keys: an address reports so many in a while at all processes together, and keeps no other from it',
  ],
  'K-9 upstream keys never leak': [
    'secrets: no secret that was handed out or configured stands in the database, the logs or any answer',
    'echoes: a key of this installation is cut out, also of the words of an upstream that has none of its own',
    'log: a secret is cut out of a line wherever it stands',
  ],
  // Payments.
  'P-1 no secret, no endpoint': ['open: needs payments'],
  'P-2 one grant per payment': [
    'wallet: of one payment is given once, whichever accounts ask for it',
    'open: only the ledger knows payments so far',
  ],
  "P-3 the amount is our order's and equals Stripe's": ['open: needs payments'],
  'P-4 unpaid is not paid': ['open: needs payments'],
  'P-5 refunds and disputes in any order': ['open: needs payments'],
  'P-6 missed webhooks heal': ['open: needs payments'],
  'P-7 signature, raw body, age': ['open: needs payments'],
  // Signing in.
  'D-1 the session cookie is safe': [
    'sessions: over https the cookies are bound to the host, unreadable to scripts and never sent in the clear',
    'sessions: every sign-in gets a session id of its own, with at least 64 bits',
  ],
  'D-2 a session ends everywhere': [
    'sessions: signing out ends the session on the server, not only in the browser',
    'sessions: a session ends half an hour after its last use and twelve hours after sign-in',
    'sessions: a closed account has no sessions',
    'open: passwords and addresses cannot be changed yet',
  ],
  'D-3 CSRF is refused': [
    'sessions: another site can neither sign somebody in nor out',
    'sessions: a form, a text body, a broken body and a huge body are refused before any look-up',
    'webhook routes: a browser on another site, a form and a stranger are refused at the cookie’s door',
    'webhook routes: the documented call with the session cookie registers, and the same cookie manages',
  ],
  'D-4 CSP and framing': ['open: needs the dashboard'],
  'D-5 passwords': [
    'passwords: a stored password has the promised cost and a salt of its own',
    'passwords: twenty sign-ins at once do not hold up the event loop',
    'sessions: a password stored at a lower cost is hashed again when its owner signs in',
  ],
  'D-6 logins are throttled without locking owners out': [
    'sessions: guessing at one account is stopped after ten tries, known or not, and the owner still gets in',
    'sessions: one address trying many accounts is stopped, whatever it writes into its headers',
  ],
  'D-7 no e-mail enumeration': [
    'sessions: a wrong password, an unknown user and a user without a password are answered alike',
    'sessions: sign-in takes as long for an unknown user as for a known one',
    'open: reset, sign-up and OAuth do not exist yet',
  ],
  'D-8 account linking cannot be pre-hijacked': ['open: needs sign-in by other providers'],
  'D-9 one-time tokens work once': ['open: needs mail'],
}
